"""What a grid tells about its nodes: records for people and programs.

Without Ray; whoever asks the nodes fills them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["GridStatus", "MoveCount", "NodeState", "NodeStatus"]


class NodeState(StrEnum):
    """What a node is doing."""

    SERVING = "serving"
    DRAINING = "draining"
    """Gives away what it has, and takes nothing new."""
    JOINING = "joining"
    """Ray has the node, its actor has not joined yet."""
    SILENT = "silent"
    """In the grid, and did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeStatus:
    """One node; sizes in bytes. None: it did not say."""

    name: str
    host: str
    state: str
    """One of `NodeState`."""
    number: int | None = None
    """As member of the grid."""
    port: int | None = None
    """Where it listens for the others."""
    ray_node_id: str = ""
    pid: int | None = None
    """Of its actor."""
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
    store: str = ""
    """Directory on that node."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MoveCount:
    """Partitions on their way from one node to another."""

    source: str
    target: str
    partitions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GridStatus:
    """A grid as a whole."""

    grid: str
    ray_address: str
    epoch: int
    nodes: tuple[NodeStatus, ...]
    moves: tuple[MoveCount, ...] = ()
    """Under way."""
