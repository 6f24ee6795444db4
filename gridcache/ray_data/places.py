"""Places: which of Ray's nodes has which parts, and how a read gets there.

Ray Data places reads by operators, not by tasks. So there is one read for each node
that has parts, held to it by a label; of many nodes one that goes anywhere, as each
operator costs the executor about as much as ten tasks.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gridcache.cluster.actors.ray_nodes import RayMachine, ray_machines
from gridcache.cluster.home.standing import Standing
from gridcache.published.handle import Handle
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.pieces import Numbered, numbered

__all__ = ["Place", "Share", "cpus", "places"]

_MOST = 8
"""Nodes that have a read of their own."""
_LABEL = "ray.io/node-id"


@dataclass(frozen=True, slots=True)
class Place:
    """A node that has parts, and that Ray's tasks can run on."""

    node: str
    """As the grid calls it."""
    ray_node_id: str
    cpus: int

    @property
    def options(self) -> dict[str, Any]:
        """Of a read that runs there while the node lives, and anywhere afterwards."""
        elsewhere = {"label_selector": {_LABEL: f"!{self.ray_node_id}"}}
        return {
            "label_selector": {_LABEL: self.ray_node_id},
            "fallback_strategy": [elsewhere],
        }


@dataclass(frozen=True, slots=True)
class Share:
    """The parts of a manifest that one of several reads reads."""

    nodes: tuple[str, ...] = ()
    """Of all reads; none: there is one read, of everything."""
    index: int = 0
    """Of this one."""

    def of(self, manifest: Manifest) -> list[Numbered]:
        """The parts of its node; of those of other nodes every so many-th."""
        parts = numbered(manifest.parts)
        if not self.nodes:
            return parts
        here, count = self.nodes[self.index], len(self.nodes)
        known = set(self.nodes)
        return [
            (number, part)
            for number, part in parts
            if part.node == here
            or (part.node not in known and number % count == self.index)
        ]


def places(manifest: Manifest, handle: Handle) -> tuple[Place, ...]:
    """Where to read a dataset; none: anywhere."""
    alive = {one.node_id: one for one in ray_machines() if one.alive}
    if len(alive) < 2 or not handle.grid_name:  # noqa: PLR2004 - nothing to choose
        return ()
    held = Counter(part.node for part in manifest.parts)
    found = [
        Place(name, node_id, int(alive[node_id].cpus))
        for name, node_id in _members(handle)
        if held[name] and node_id in alive and alive[node_id].cpus
    ]
    return tuple(found) if len(found) <= _MOST else ()


def cpus(machines: Sequence[RayMachine] | None = None) -> int:
    """Of all of Ray's nodes."""
    known = ray_machines() if machines is None else machines
    return max(1, int(sum(one.cpus for one in known if one.alive)))


def _members(handle: Handle) -> list[tuple[str, str]]:
    """Nodes of the grid: their names, and Ray's ids of them."""
    standing = Standing(handle.cache.path)
    try:
        return [(one.name, one.ray_node_id) for one in standing.view().members]
    finally:
        standing.close()
