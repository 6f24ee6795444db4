"""A grid in one process, without Ray: real stores, servers and streams.

Views are the roster's; the test plays the membership: it publishes them, renews
leases (an hour long unless it says otherwise) and carries moves out.
"""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gridcache.cache import GridCache
from gridcache.cluster.leases import deadline_ns
from gridcache.cluster.peers import Peers
from gridcache.cluster.roster import MemberInfo, Roster
from gridcache.cluster.server import Server
from gridcache.cluster.service import Service
from gridcache.cluster.standing import Standing, boot_ns
from gridcache.cluster.view import Member
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
        self.now_s = 1000.0
        for name in names:
            self.add(name)
        self.settle()

    def add(self, name: str) -> Node:
        """Start a node and let it join; its moves are not carried out."""
        node = Node(self.directory, name)
        info = MemberInfo(
            name=name,
            host=node.server.address[0],
            port=node.server.address[1],
            ray_node_id=name,
            store=str(node.store.directory),
            capacity_nbytes=CAPACITY,
        )
        joined = self.roster.join(info, self.now_s)
        assert isinstance(joined, Member)
        node.member = joined
        self.nodes[name] = node
        self.publish()
        return node

    def publish(self) -> None:
        """Install the roster's view at every node, and renew their leases."""
        for node in self.nodes.values():
            if node.member is not None:
                node.standing.install(node.store, self.roster.view, node.member.number)
                node.lease()

    def settle(self) -> None:
        """Carry out what the view asks, with nothing to hand over."""
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
        chores: Any = getattr(node.service, "chores", None)
        view = self.roster.view
        moved = (
            chores.pull_moves(view)
            if chores is not None
            else [(move.partition, move.term) for move in view.moves_to(number)]
        )
        self.roster.moved(number, moved)
        self.publish()
        view = self.roster.view
        filled = (
            chores.fill_backups(view)
            if chores is not None
            else [(int(p), view.copies(int(p))[-1][1]) for p in view.unfilled(number)]
        )
        self.roster.backed_up(number, filled)
        self.publish()

    def lose(self, name: str) -> None:
        """A node ends without a word, and the membership notices it."""
        self.nodes.pop(name).close()
        self.now_s += 60.0
        for node in self.nodes.values():
            if node.member is not None:
                self.roster.renew(node.member.number, self.now_s)
        assert self.roster.lost({name}, self.now_s, time.time())
        self.publish()

    def home_of(self, key: str, space: str = "c") -> Node:
        """The node that owns a key's partition."""
        from gridcache.cluster.placement import partition_of  # noqa: PLC0415

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
        for node in self.nodes.values():
            node.close()
