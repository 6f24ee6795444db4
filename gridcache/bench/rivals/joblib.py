"""joblib.Memory on the same file system as the stores."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["open_rival"]


class Joblib:
    """A decorator."""

    def __init__(self, directory: Path) -> None:
        self._memory = import_module("joblib").Memory(str(directory), verbose=0)

    def memoize(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A cached function."""
        wrapped: Callable[..., Any] = self._memory.cache(function)
        return wrapped

    def close(self) -> None:
        """Nothing is open."""


def open_rival(directory: Path) -> Joblib:
    """Open it."""
    return Joblib(directory)
