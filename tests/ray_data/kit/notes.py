"""Notes of what ran, and what happens once, over all processes of a test.

All of it by files: tasks run in processes that share nothing else with the test.
"""

import os
import signal
import time
from pathlib import Path

__all__ = ["Gate", "Notes", "die_once", "once"]

_PATIENCE_S = 60.0


class Notes:
    """Counts calls in all processes; picklable."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def note(self, mark: str = ".") -> None:
        """Say that something ran."""
        with self.path.open("a") as file:
            file.write(f"{mark}\n")

    @property
    def count(self) -> int:
        """Notes since the last `clear`."""
        return len(self.marks)

    @property
    def marks(self) -> list[str]:
        """What was noted, in order."""
        return self.path.read_text().splitlines()

    def clear(self) -> None:
        self.path.write_text("")


class Gate:
    """Processes wait at it until one opens it; picklable."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def open(self) -> None:
        self.path.touch()

    def wait(self) -> None:
        """Block until it is open."""
        until = time.monotonic() + _PATIENCE_S
        while not self.path.exists():
            assert time.monotonic() < until, f"nobody opened {self.path}"
            time.sleep(0.02)


def once(path: Path) -> bool:
    """True for the first who asks, of all processes."""
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return False
    return True


def die_once(path: Path) -> None:
    """End this process as a power loss does; whoever comes next lives."""
    if once(path):
        os.kill(os.getpid(), signal.SIGKILL)
