"""Processes: what the kernel tells of them in /proc."""

from pathlib import Path

__all__ = ["pid_namespace", "stat_fields"]


def stat_fields(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat after the command's closing parenthesis.

    The first is the state. None if there is no such process, or no /proc.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return None
    return text.rpartition(")")[2].split()


def pid_namespace() -> int:
    """What tells this process's pids from those of another namespace."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return 0  # no such thing on this system
