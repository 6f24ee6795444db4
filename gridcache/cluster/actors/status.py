"""What a grid tells about its nodes: records for people and programs.

Without Ray; whoever asks the nodes fills them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gridcache.cluster.table.view import Move

__all__ = ["STATES", "GridStatus", "NodeInfo"]

STATES = ("serving", "draining", "starting", "drained", "failed", "lost")
"""What a node is doing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeInfo:
    """One node; sizes in bytes. None: it did not say."""

    name: str
    host: str
    state: str
    """One of `STATES`."""
    number: int | None = None
    """As member of the grid."""
    port: int | None = None
    """Where it listens for the others."""
    ray_node_id: str = ""
    alive: bool = True
    """As Ray sees it."""
    epoch: int | None = None
    """Of the view that it holds."""
    cpus: float | None = None
    """As Ray counts them."""
    memory_nbytes: int | None = None
    """As Ray schedules it."""
    capacity_nbytes: int | None = None
    """Of its store."""
    free_nbytes: int | None = None
    """Of its arena."""
    entries: int | None = None
    blocks: int | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    store: str = ""
    """Directory on that node."""
    pid: int | None = None
    """Of its actor."""
    reason: str = ""
    """Why it does not serve, with the cure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStatus:
    """A grid as a whole."""

    name: str
    epoch: int
    nodes: tuple[NodeInfo, ...]
    moves: tuple[Move, ...] = ()
    """Under way."""
    replicated: bool = False
    """Whether every partition has a backup that has everything."""
    mode: str = "static"
    """One of `gridcache.cluster_config.model.MODES`."""
    ray_address: str = ""
