"""An object cache that every process of a machine shares.

::

    import gridcache

    @gridcache.grid_cache
    def slow(x): ...

    cache = gridcache.GridCache()
    cache["answer"] = 42

The public face, and lazy (PEP 562): importing it loads none of the libraries that
gridcache works with or on. Every name is defined elsewhere, see `_HOMES`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridcache.cache import GridCache
    from gridcache.cluster.actors.connect import aconnect, connect
    from gridcache.cluster.actors.grid import Grid
    from gridcache.cluster.actors.node import DistributedMemoryStore
    from gridcache.cluster_config import load_cluster_config
    from gridcache.errors import (
        AllocationError,
        BlockNotFoundError,
        BlockRangeError,
        CacheWarning,
        ClosedError,
        ConfigError,
        CorruptFramesError,
        GridCacheError,
        ImmutableKeyError,
        KeyNotFoundError,
        NameInUseError,
        NameNotFoundError,
        NoAvailableNodesError,
        NodeLostError,
        NotEncodableError,
        NotKeyableError,
        OutOfSpaceError,
        PeerError,
        PeerLostError,
        PoolNotInitializedError,
        StoreAccessError,
        StoreFormatError,
        StoreStalledError,
        UnsafeCodecError,
        ValueTooLargeError,
    )
    from gridcache.helpers import DistributedMemoryHelper
    from gridcache.memoize import grid_cache
    from gridcache.orchestrator import ResourceSharingOrchestrator
    from gridcache.pool import DistributedMemoryPool, MemoryBlock

    __version__: str

__all__ = [
    "AllocationError",
    "BlockNotFoundError",
    "BlockRangeError",
    "CacheWarning",
    "ClosedError",
    "ConfigError",
    "CorruptFramesError",
    "DistributedMemoryHelper",
    "DistributedMemoryPool",
    "DistributedMemoryStore",
    "Grid",
    "GridCache",
    "GridCacheError",
    "ImmutableKeyError",
    "KeyNotFoundError",
    "MemoryBlock",
    "NameInUseError",
    "NameNotFoundError",
    "NoAvailableNodesError",
    "NodeLostError",
    "NotEncodableError",
    "NotKeyableError",
    "OutOfSpaceError",
    "PeerError",
    "PeerLostError",
    "PoolNotInitializedError",
    "ResourceSharingOrchestrator",
    "StoreAccessError",
    "StoreFormatError",
    "StoreStalledError",
    "UnsafeCodecError",
    "ValueTooLargeError",
    "__version__",
    "aconnect",
    "connect",
    "grid_cache",
    "load_cluster_config",
    "load_ipython_extension",
]

_HOMES = {
    "DistributedMemoryHelper": "gridcache.helpers",
    "DistributedMemoryPool": "gridcache.pool",
    "DistributedMemoryStore": "gridcache.cluster.actors.node",
    "Grid": "gridcache.cluster.actors.grid",
    "GridCache": "gridcache.cache",
    "MemoryBlock": "gridcache.pool",
    "ResourceSharingOrchestrator": "gridcache.orchestrator",
    "aconnect": "gridcache.cluster.actors.connect",
    "connect": "gridcache.cluster.actors.connect",
    "grid_cache": "gridcache.memoize",
    "load_cluster_config": "gridcache.cluster_config",
}
"""Where a name is defined; the errors are in `gridcache.errors`."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    if name == "__version__":
        value: Any = _version()
    else:
        value = getattr(import_module(_HOMES.get(name, "gridcache.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*__all__, *globals()})


def _version() -> str:
    return str(import_module("importlib.metadata").version(__name__))


def load_ipython_extension(ipython: Any) -> None:
    """Give a notebook `%%grid_cache`: what `%load_ext gridcache` calls."""
    import_module("gridcache.notebook").load_ipython_extension(ipython)
