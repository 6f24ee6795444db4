"""diskcache on the same file system as the stores."""

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["open_rival"]

_SIZE_LIMIT = 4 << 30


class DiskCache:
    """One cache; also a decorator."""

    def __init__(self, directory: Path) -> None:
        module = import_module("diskcache")
        self._cache = module.Cache(str(directory), size_limit=_SIZE_LIMIT)
        self.get = self._cache.get
        self.put = self._cache.set

    def key(self, text: str) -> str:
        """Return the text as it is."""
        return text

    def fill(self, items: Mapping[str, bytes]) -> None:
        """In one transaction."""
        with self._cache.transact():
            for name, value in items.items():
                self._cache.set(name, value)

    def memoize(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """A cached function."""
        wrapped: Callable[..., Any] = self._cache.memoize()(function)
        return wrapped

    def close(self) -> None:
        """Close its database."""
        self._cache.close()


def open_rival(directory: Path) -> DiskCache:
    """Open it."""
    return DiskCache(directory)
