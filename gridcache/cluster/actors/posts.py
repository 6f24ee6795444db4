"""Posts: what the membership and the nodes' actors say to each other.

Records only, without Ray. A *post* is a node's place in a grid before it has
joined: its name, what it is to give, and the grid's key.
"""

from dataclasses import dataclass, field
from pathlib import Path

import lz4.frame

from gridcache.cluster.table.roster import MemberInfo
from gridcache.cluster.table.view import View
from gridcache.cluster_config import ClusterConfig

__all__ = [
    "GridPlan",
    "Joined",
    "NodeReport",
    "Post",
    "Renewal",
    "pack_view",
    "unpack_view",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class GridPlan:
    """What a grid is made from, by the first `connect`."""

    name: str
    config: ClusterConfig = field(default_factory=ClusterConfig)
    capacity_nbytes: int | None = None
    """Of each node that the cluster file does not list; None: its own choice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """What the actor of a node needs to know."""

    grid: str
    node: str
    incarnation: str
    key: bytes = field(repr=False)
    ray_node_id: str
    first: bool = True
    """Of its machine, whose store has the plain name."""
    host: str = "127.0.0.1"
    """Where it listens for the others, as Ray knows it."""
    capacity_nbytes: int | None = None
    """None: what the store has, or what the machine's settings say."""
    directory: Path | None = None
    """Holds the stores; None: the machine's setting."""
    port: int = 0
    labels: dict[str, str] = field(default_factory=dict)
    replicas: int = 1
    """Of a mutable entry unless a put says otherwise."""
    disk_nbytes: int | None = None
    """Of the disk below the memory; None: there is none."""
    disk_directory: Path | None = None
    """Holds the disk stores; None: the user's caches."""
    balances: bool = False
    """Whether full nodes give blocks to others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """How a node is, told with each renewal; sizes in bytes."""

    info: MemberInfo
    epoch: int
    """Of the view it has."""
    free_nbytes: int
    entries: int
    blocks: int
    next_block: int
    """The least number that no block of this store ever had."""
    pid: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """The answer to a join."""

    number: int | None
    """None: another store of this name may still serve."""
    view: bytes = b""
    """Packed and compressed, see `unpack_view`."""
    retry_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Renewal:
    """The answer to a renewal."""

    lease_s: float = 0.0
    """0: not a member any more."""
    view: bytes = b""
    """The newest view, packed and compressed; empty if the node has it.

    Also for one that was drained: its clients still go by it.
    """
    drained: bool = False
    """Not a member because it was to go: it does not join again."""


def pack_view(view: View) -> bytes:
    """Return a view as it travels: its arrays are mostly runs of equal numbers."""
    return bytes(lz4.frame.compress(view.pack()))


def unpack_view(packed: bytes) -> View:
    """Read what `pack_view` made."""
    return View.unpack(lz4.frame.decompress(packed))
