"""A grid without Ray: each node a process, this one plays the membership.

For the figures that Ray has no part in, for machines without it, and for tests.
Leases are an hour long, and nobody moves anything.
"""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from gridcache.bench.children import Child
from gridcache.bench.grid.node_process import GRID, KEY
from gridcache.bench.grid.site import Site
from gridcache.bench.place import setting
from gridcache.bench.result import Absent
from gridcache.cache import GridCache
from gridcache.cluster.home.standing import Standing, boot_ns
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.table.leases import deadline_ns
from gridcache.cluster.table.roster import MemberInfo, Roster
from gridcache.cluster.table.view import Member, View
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store

__all__ = ["bare_site"]

_NODE = "gridcache.bench.grid.node_process"
_LEASE_S = 3600.0


@contextmanager
def bare_site(
    directory: Path, names: Sequence[str], capacity_nbytes: int, absent: Absent
) -> Iterator[Site]:
    """Serve nodes of these names while the block lasts.

    Parameters
    ----------
    directory
        For the stores; is made.
    absent
        Why there is no Ray.
    """
    directory.mkdir(parents=True)
    with ExitStack() as undo, setting("GRIDCACHE_DIRECTORY", str(directory)):
        capacity = str(capacity_nbytes)
        children = {name: Child(_NODE, name, capacity) for name in names}
        nodes = [undo.enter_context(_node(*one)) for one in children.items()]
        _settle(nodes)
        peers = undo.enter_context(Peers(KEY, name="bench"))
        stores = {node.name: node.store.directory for node in nodes}
        yield Site(stores, _Access(nodes[0], peers, count()), absent)


@dataclass(frozen=True, slots=True)
class _Node:
    """One node, as the membership has it."""

    name: str
    port: int
    store: NodeStore
    standing: Standing


@contextmanager
def _node(name: str, child: Child) -> Iterator[_Node]:
    with ExitStack() as undo:
        undo.enter_context(child)
        port, path = child.greeting.split(maxsplit=1)
        store = open_store(Path(path))
        undo.callback(close_store, store)
        standing = Standing(store.directory)
        undo.callback(standing.close)
        yield _Node(name, int(port), store, standing)


def _settle(nodes: list[_Node]) -> None:
    """Let all join and share the partitions, in which there is nothing yet."""
    roster, now_s = Roster(GRID), boot_ns() / 1e9
    members = {node.name: _join(roster, node, now_s) for node in nodes}
    while roster.view.moves:
        for member in members.values():
            arrived = roster.view.moves_to(member.number)
            roster.moved(member.number, [(one.partition, one.term) for one in arrived])
    for node in nodes:
        node.standing.install(node.store, roster.view, members[node.name].number)
        node.standing.renew(deadline_ns(boot_ns(), _LEASE_S))


def _join(roster: Roster, node: _Node, now_s: float) -> Member:
    info = MemberInfo(
        name=node.name,
        host="127.0.0.1",
        port=node.port,
        ray_node_id=node.name,
        store=str(node.store.directory),
        capacity_nbytes=node.store.capacity_nbytes,
    )
    joined = roster.join(info, now_s)
    assert isinstance(joined, Member)  # noqa: S101 - no two of a name here
    return joined


class _Access:
    """What a memory pool needs of the grid, for a process on one node."""

    name = GRID

    def __init__(self, node: _Node, peers: Peers, numbers: "count[int]") -> None:
        self.here: str | None = node.name
        self.store: NodeStore | None = node.store
        self.peers = peers
        self._standing = node.standing
        self._numbers = numbers

    def view(self) -> View:
        return self._standing.view()

    def cache(self, name: str) -> GridCache:
        return GridCache(name, path=self._standing.directory)

    def new_block_numbers(self, wanted: int) -> int:
        first, *_ = [next(self._numbers) for _ in range(wanted)]
        return first
