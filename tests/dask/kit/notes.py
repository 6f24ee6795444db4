"""Notes of what was computed, over all processes."""

from pathlib import Path
from typing import Any

__all__ = ["Log", "noted"]


class Log:
    """Counts calls of `noted` in all processes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @property
    def count(self) -> int:
        """Calls since the last `clear`."""
        return self.path.stat().st_size

    def clear(self) -> None:
        self.path.write_bytes(b"")


def noted(value: Any, log: str) -> Any:
    """The value; the file grows by a byte."""
    with Path(log).open("ab") as file:
        file.write(b".")
    return value
