"""A grid of several stores in one process, with real streams and no Ray."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gridcache.cache import GridCache
from gridcache.cluster.blocks.service import BlockService
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.view import Member, View
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store

__all__ = ["Node", "TestGrid", "run_grid"]

KEY = bytes(range(32))
CAPACITY = 8 << 20


class Node:
    """A member: a store and its server."""

    def __init__(self, name: str, store: NodeStore, grace_s: float) -> None:
        self.name = name
        self.store = store
        self.grace_s = grace_s
        self.draining = False
        self.start()

    def start(self) -> None:
        """Serve, at a port of its own."""
        self.service = BlockService(
            self.store.blocks,
            self.name,
            grace_s=self.grace_s,
            left_grace_s=self.grace_s,
        )
        handle: Any = self.service.handle
        self.server = Server(KEY, handle, streams=self.service.streams).start()

    def stop(self) -> None:
        """As if the process that serves had died."""
        self.service.close()
        self.server.close()

    def member(self, number: int) -> Member:
        host, port = self.server.address
        return Member(
            number,
            self.name,
            host,
            port,
            "",
            str(self.store.directory),
            CAPACITY,
            {},
            self.draining,
        )


@dataclass
class TestGrid:
    """What `GridAccess` asks for, as seen from one of the nodes or from none."""

    __test__ = False
    name: str
    members: dict[str, Node]
    here: str | None
    peers: Peers
    counter: list[int] = field(default_factory=lambda: [0])
    store_here: NodeStore | None = None

    @property
    def store(self) -> NodeStore | None:
        if self.store_here is not None:
            return self.store_here
        return self.members[self.here].store if self.here else None

    def view(self) -> View:
        none = np.zeros(PARTITIONS, np.int64)
        members = tuple(
            node.member(number) for number, node in enumerate(self.members.values())
        )
        arrays: list[Any] = [none] * 10
        return View(self.name, 1, members, *arrays)

    def new_block_numbers(self, count: int) -> int:
        first = self.counter[0]
        self.counter[0] += count
        return first

    def cache(self, name: str) -> GridCache:
        assert self.store is not None
        return GridCache(name, path=self.store.directory)

    def seen_from(self, here: str | None) -> "TestGrid":
        """The same grid for a client on another node."""
        return TestGrid(self.name, self.members, here, self.peers, self.counter)


@contextmanager
def run_grid(
    directory: Path, *names: str, grace_s: float = 30.0, capacity: int = CAPACITY
) -> Iterator[TestGrid]:
    """Run it; every store is sound at the end."""
    with ExitStack() as undo:
        nodes = {}
        for name in names:
            store = open_store(directory / name, capacity_nbytes=capacity)
            undo.callback(close_store, store)
            nodes[name] = Node(name, store, grace_s)
            undo.callback(nodes[name].stop)
        peers = Peers(KEY, name="client")
        undo.callback(peers.close)
        grid = TestGrid("test", dict(nodes), names[0], peers)
        yield grid
        for node in nodes.values():
            report = node.store.check()
            assert report.ok, (node.name, report.problems)
