"""Memory of this process: its own, and what it shares with others."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ProcessMemory", "process_memory"]

STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Resident bytes; zeros where the system does not say (no Linux)."""

    own_nbytes: int = 0
    """Anonymous pages: what a copy would add to."""
    shared_nbytes: int = 0
    """Pages of shared memory that this process has touched."""


def process_memory() -> ProcessMemory:
    """Read the figures of this process."""
    if not STATUS.exists():
        return ProcessMemory()
    lines = (line.split() for line in STATUS.read_text().splitlines())
    kib = {words[0]: int(words[1]) for words in lines if words[0].startswith("Rss")}
    return ProcessMemory(kib["RssAnon:"] * 1024, kib["RssShmem:"] * 1024)
