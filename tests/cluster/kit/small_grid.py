"""A grid in one process, without Ray: real stores, servers and streams.

Views are the roster's; the test plays the membership: it publishes them, renews
leases (an hour long unless it says otherwise) and carries moves out.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gridcache.cache import GridCache
from gridcache.cluster.handover.handover import Handover
from gridcache.cluster.home.service import Service
from gridcache.cluster.home.standing import Standing, boot_ns
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.cluster.table import moving
from gridcache.cluster.table.leases import deadline_ns
from gridcache.cluster.table.placement import PARTITIONS, partition_of
from gridcache.cluster.table.roster import MemberInfo, Roster
from gridcache.cluster.table.view import Member
from gridcache.store.opening import close_store, open_store

__all__ = ["Node", "SmallGrid"]

KEY = b"k" * 32
CAPACITY = 64 << 20


class Node:
    """One node: store, standing, service and server."""

    def __init__(self, directory: Path, name: str) -> None:
        self.name = name
        self.store = open_store(directory / name, capacity_nbytes=CAPACITY)
        path = self.store.directory
        (path / "grid.key").write_bytes(KEY)
        facts = {"grid": "default", "node": name, "incarnation": "1"}
        (path / "grid.json").write_text(json.dumps(facts))
        self.standing = Standing.create(self.store)
        self.peers = Peers(KEY, name=name)
        self.service = Service(self.store, self.standing, self.peers)
        self.chores = Handover(self.store, self.standing, self.peers)
        self.service.handlers |= self.chores.handlers
        self.service.streams |= self.chores.streams
        streams = {op: self.service.stream(op) for op in self.service.streams}
        self.server = Server(KEY, self.service.handle, streams=streams)
        self.server.start()
        self.member: Member | None = None

    def cache(self, name: str = "c", **options: Any) -> GridCache:
        """A cache as a client on this node has it."""
        return GridCache(name, path=self.store.directory, **options)

    def lease(self, seconds: float = 3600.0) -> None:
        """Renew the lease; 0 ends it."""
        self.standing.renew(deadline_ns(boot_ns(), seconds))

    def close(self) -> None:
        """Stop serving; the store stays."""
        self.server.close()
        self.service.close()
        self.peers.close()
        self.standing.close()
        close_store(self.store)


class SmallGrid:
    """Nodes and their membership."""

    def __init__(self, directory: Path, *names: str) -> None:
        self.directory = directory
        self.roster = Roster("default")
        self.nodes: dict[str, Node] = {}
        self._cut_off: list[Node] = []
        self.now_s = 1000.0
        for name in names:
            self.add(name)
        self.settle()

    def add(self, name: str) -> Node:
        """Start a node and let it join; its moves are not carried out."""
        node = Node(self.directory, name)
        self.join(node)
        return node

    def join(self, node: Node) -> None:
        """Take a node in, as the member that it was if it still is one."""
        info = MemberInfo(
            name=node.name,
            host=node.server.address[0],
            port=node.server.address[1],
            ray_node_id=node.name,
            store=str(node.store.directory),
            capacity_nbytes=CAPACITY,
            number=node.member.number if node.member is not None else None,
        )
        with _large_moves():
            joined = self.roster.join(info, self.now_s)
        assert isinstance(joined, Member)
        node.member = joined
        self.nodes[node.name] = node
        self.publish()

    def publish(self) -> None:
        """Install the roster's view at every node, and renew their leases."""
        for node in self.nodes.values():
            if node.member is not None:
                node.standing.install(node.store, self.roster.view, node.member.number)
                node.lease()

    def settle(self) -> None:
        """Carry out what the view asks."""
        with _large_moves():
            while self.roster.view.moves or not self._filled():
                for node in self.nodes.values():
                    self.carry_out(node)

    def _filled(self) -> bool:
        view = self.roster.view
        return all(
            not view.unfilled(node.member.number).size
            for node in self.nodes.values()
            if node.member is not None
        )

    def carry_out(self, node: Node) -> None:
        """Do one round of a node's chores."""
        assert node.member is not None
        number = node.member.number
        self.roster.moved(number, node.chores.pull_moves(self.roster.view))
        self.publish()
        self.roster.backed_up(number, node.chores.fill_backups(self.roster.view))
        self.publish()

    def move(self, key: str, name: str, space: str = "c") -> None:
        """Have a key's partition move to a node."""
        target = self.nodes[name].member
        assert target is not None
        self.roster._table.start(partition_of(space, key), target.number)
        self.roster._settle()
        self.publish()
        self.carry_out(self.nodes[name])
        assert self.home_of(key, space).name == name

    def lose(self, name: str) -> None:
        """A node ends without a word, and the membership notices it."""
        node = self.nodes.pop(name)
        node.close()
        self._remove(name)

    def cut_off(self, name: str) -> Node:
        """A node loses touch with the grid, which goes on without it.

        It lives; `join` takes it in again.
        """
        node = self.nodes.pop(name)
        self._cut_off.append(node)
        node.lease(0.0)
        self._remove(name)
        return node

    def _remove(self, name: str) -> None:
        self.now_s += 60.0
        for node in self.nodes.values():
            if node.member is not None:
                self.roster.renew(node.member.number, self.now_s)
        assert self.roster.lost({name}, self.now_s, time.time())
        self.publish()

    def home_of(self, key: str, space: str = "c") -> Node:
        """The node that owns a key's partition."""
        owner = self.roster.view.owner(partition_of(space, key))
        assert owner is not None
        return self.nodes[owner.name]

    def key_at(self, name: str, space: str = "c", stem: str = "key") -> str:
        """A key whose home is a node."""
        return next(
            key
            for key in (f"{stem}{number}" for number in range(100_000))
            if self.home_of(key, space).name == name
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        away = [one for one in self._cut_off if one not in self.nodes.values()]
        for node in (*self.nodes.values(), *away):
            node.close()


@contextmanager
def _large_moves() -> Iterator[None]:
    """Everything at once: there are no clients that would wait."""
    batch, moving.BATCH = moving.BATCH, PARTITIONS
    try:
        yield
    finally:
        moving.BATCH = batch
