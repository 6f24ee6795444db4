"""Handle: the address of a cache, as tasks carry it from process to process."""

import hashlib
import os
import threading
from dataclasses import astuple, dataclass
from typing import Any, Self

from gridcache.cache import GridCache
from gridcache.cluster.home.facts import read_facts
from gridcache.errors import ConfigError
from gridcache.store.marks import boot_id

__all__ = ["Handle", "close_all"]


@dataclass(frozen=True, slots=True)
class Handle:
    """Names a cache; each process opens it once, in the store of its own node."""

    name: str
    """The namespace."""
    path: str | None = None
    """Directory of a store of its own; None for the default store or the grid's."""
    allow_pickle: bool = True
    grid: str = "auto"

    @classmethod
    def of(cls, cache: "GridCache | Handle | str | None", default: str) -> "Handle":
        """The handle of a cache, of a namespace by name, or of the default one.

        Raises
        ------
        ConfigError
            It is something else.
        """
        if cache is None or isinstance(cache, str):
            return cls(cache or default)
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
        return self._opened().cache

    @property
    def grid_name(self) -> str:
        """The grid that it is spread over; empty for a single store."""
        return self._opened().grid

    @property
    def node(self) -> str:
        """The node of this process as the grid calls it, else its machine's name."""
        return self._opened().node

    @property
    def store(self) -> str:
        """What processes have in common that see the same store, or the same grid."""
        return self._opened().store

    def renewed(self) -> Self:
        """The same, and what this process opened earlier only if it is still that.

        A store may have been removed meanwhile, and a node may have joined a grid.
        """
        fresh = _open(self)
        with _lock:
            known = _opened.get(self)
            if known is not None and known.store == fresh.store:
                fresh.cache.close()
            else:
                # Who uses the one before keeps it; it closes with its last user.
                _opened[self] = fresh
        return self

    def __dask_tokenize__(self) -> Any:
        return ("gridcache.handle", *astuple(self))

    def __gridcache_key__(self) -> Any:
        return astuple(self)

    def digest(self) -> str:
        """A short text that differs for different caches."""
        return hashlib.sha256(repr(astuple(self)).encode()).hexdigest()[:8]

    def _opened(self) -> "_Opened":
        found = _opened.get(self)
        if found is not None:
            return found
        with _lock:
            if self not in _opened:
                _opened[self] = _open(self)
            return _opened[self]


@dataclass(frozen=True, slots=True)
class _Opened:
    """A cache in this process, and where it lies."""

    cache: GridCache
    grid: str
    node: str
    store: str


_opened: dict[Handle, _Opened] = {}
_lock = threading.Lock()


def _open(handle: Handle) -> _Opened:
    cache = GridCache(
        handle.name,
        path=handle.path,
        allow_pickle=handle.allow_pickle,
        grid=handle.grid,
    )
    facts = read_facts(cache.path)
    if facts is not None:
        return _Opened(cache, facts.grid, facts.node, f"grid {facts.grid}")
    where = cache.path.stat()
    # Hosts may share a name, and containers a host.
    here = f"{boot_id() or os.uname().nodename} {where.st_dev} {where.st_ino}"
    return _Opened(cache, "", os.uname().nodename, here)


def close_all() -> None:
    """Let go of every cache that this process opened for tasks; they open again."""
    with _lock:
        while _opened:
            _opened.popitem()[1].cache.close()


def _after_fork_in_child() -> None:
    global _lock  # noqa: PLW0603 - a thread of the parent may have held it
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_after_fork_in_child)
