"""Site: the nodes that are measured, whatever brought them up.

`here` is this process's node. Another node's store lies on this machine too, so a
cache made on it is that of a client there; what it holds is served to others by a
process of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from typing import Any

from gridcache.bench.result import Absent
from gridcache.cache import GridCache
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import partition_of

__all__ = ["SPACE", "Site", "keys_at"]

SPACE = "bench"
"""The namespace of everything that is measured."""


@dataclass(frozen=True, slots=True)
class Site:
    """Nodes at work."""

    stores: Mapping[str, Path]
    """By node; this process's node first."""
    blocks: Any
    """What a memory pool takes for the grid."""
    actors: Callable[[str], Any] | Absent
    """Starts Ray's contender on a node; see `actors`."""

    @property
    def here(self) -> str:
        """The node of this process."""
        return next(iter(self.stores))

    @property
    def far(self) -> str:
        """Another node."""
        return list(self.stores)[-1]

    def cache(self, node: str = "", **options: Any) -> GridCache:
        """A cache as a client on a node has it; this process's node if none is named."""
        return GridCache(SPACE, path=self.stores[node or self.here], **options)


def keys_at(store: Path, count_: int, stem: str = "key", node: str = "") -> list[str]:
    """Keys whose home is a node.

    Parameters
    ----------
    store
        Of a node, which knows of the others.
    node
        Name of the home; the store's own node if it is left out.
    """
    standing = Standing(store)
    try:
        view = standing.view()
        member = view.by_name(node or standing.node)
    finally:
        standing.close()
    if member is None:
        message = f"{node!r} is not in the grid"
        raise LookupError(message)
    owned = view.owners == member.number
    names = (f"{stem}:{number:08d}" for number in count())
    homes = (key for key in names if owned[partition_of(SPACE, key)])
    return list(islice(homes, count_))
