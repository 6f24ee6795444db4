"""Handle: the address of a cache, as tasks carry it from process to process."""

import hashlib
import os
import threading
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any

from gridcache.cache import GridCache
from gridcache.cluster.home.facts import read_facts
from gridcache.errors import ConfigError

__all__ = ["DEFAULT", "Handle", "close_all"]

DEFAULT = "dask"
"""The namespace that Dask's results lie in unless another cache is given."""

_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Handle:
    """Names a cache; each process opens it once, in the store of its own node."""

    name: str = DEFAULT
    path: str | None = None
    """Directory of a store of its own; None for the default store or the grid's."""
    allow_pickle: bool = True
    grid: str = "auto"

    @classmethod
    def of(cls, cache: "GridCache | Handle | str | None") -> "Handle":
        """The handle of a cache, of a namespace by name, or of the default.

        Raises
        ------
        ConfigError
            It is something else.
        """
        if cache is None or isinstance(cache, str):
            return cls(cache or DEFAULT)
        if isinstance(cache, cls):
            return cache
        if isinstance(cache, GridCache):
            return cls(*cache.__reduce__()[1])
        message = (
            f"cache= is a GridCache or the name of one, not a {type(cache).__name__}"
        )
        raise ConfigError(message)

    @property
    def cache(self) -> GridCache:
        """The cache, in this process."""
        found = _opened.get(self)
        return found if found is not None else _open(self)

    @property
    def grid_name(self) -> str:
        """The grid that it is spread over; empty for a single store."""
        facts = read_facts(self.cache.path)
        return facts.grid if facts is not None else ""

    @property
    def node(self) -> str:
        """The node of this process as the grid calls it, else its machine's name."""
        facts = read_facts(self.cache.path)
        return facts.node if facts is not None else os.uname().nodename

    @property
    def store(self) -> str:
        """What processes have in common that see the same store, or the same grid."""
        grid = self.grid_name
        if grid:
            return f"grid {grid}"
        found = self.cache.path.stat()
        try:
            boot = _BOOT.read_text().strip()
        except OSError:
            boot = os.uname().nodename
        return f"{boot} {found.st_dev} {found.st_ino}"

    def __dask_tokenize__(self) -> Any:
        return ("gridcache.dask.handle", *astuple(self))

    def __gridcache_key__(self) -> Any:
        return astuple(self)

    def digest(self) -> str:
        """A short text that differs for different caches."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:8]


_opened: dict[Handle, GridCache] = {}
_lock = threading.Lock()


def _open(handle: Handle) -> GridCache:
    with _lock:
        if handle not in _opened:
            _opened[handle] = GridCache(
                handle.name,
                path=handle.path,
                allow_pickle=handle.allow_pickle,
                grid=handle.grid,
            )
        return _opened[handle]


def close_all() -> None:
    """Let go of every cache that this process opened for tasks; they open again."""
    with _lock:
        while _opened:
            _opened.popitem()[1].close()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
