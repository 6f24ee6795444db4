"""Stored: what the store of this process's node says. Makes no store, may block."""

from dataclasses import asdict, dataclass

from gridcache.attach import default_store_path
from gridcache.cluster.home.naming import find_standing
from gridcache.config import load_config
from gridcache.dask.describe import NameInfo
from gridcache.dask.loading import info, names
from gridcache.errors import GridCacheError, NameNotFoundError, StoreFormatError
from gridcache.published.handle import Handle

__all__ = ["MOST_NAMES", "NodeFigures", "published", "store_figures"]

MOST_NAMES = 200
"""Names whose partitions are counted for one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFigures:
    """The store of one node, and Dask's namespace in it."""

    node: str
    entries: int
    stored_nbytes: int
    taken_nbytes: int
    """By all namespaces, and the index."""
    capacity_nbytes: int
    hits: int
    misses: int


def published() -> list[NameInfo]:
    """What is published, in order of names."""
    handle = _existing()
    found = names(cache=handle) if handle is not None else []
    infos = (_info(name, handle) for name in found[:MOST_NAMES])
    return [one for one in infos if one is not None]


def _info(name: str, handle: Handle | None) -> NameInfo | None:
    try:
        return info(name, cache=handle)
    except (NameNotFoundError, StoreFormatError):
        return None  # released since, or another version's


def store_figures() -> dict[str, object] | None:
    """Figures of this node's store; None where there is none."""
    try:
        handle = _existing()
        if handle is None:
            return None
        stats, node = handle.cache.stats(), handle.node
    except (GridCacheError, OSError):
        return None
    own, store = stats.namespace, stats.store
    return asdict(
        NodeFigures(
            node=node,
            entries=own.entries,
            stored_nbytes=own.stored_nbytes,
            taken_nbytes=store.directory_nbytes,
            capacity_nbytes=store.capacity_nbytes,
            hits=own.hits,
            misses=sum(own.misses.values()),
        )
    )


def _existing() -> Handle | None:
    """Dask's cache, if its store is there: to look must not make one."""
    config = load_config()
    path = find_standing(config) or default_store_path(config)
    return Handle("dask") if (path / "superblock").exists() else None
