"""Nodes of a grid without Ray: real stores, standings, servers; views made by hand."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gridcache.cluster.handover.handover import Handover
from gridcache.cluster.home import directory
from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.service import Service
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.server import Server
from gridcache.cluster.table.placement import NOBODY, PARTITIONS, partition_of
from gridcache.cluster.table.view import Member, Move, View
from gridcache.codec.frames import Frames
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit, Miss
from gridcache.store.records import IMMUTABLE, Entry, Stamp, entry_key
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order
from tests.cluster.kit.streams import KEY
from tests.store.kit.processes import Child

__all__ = [
    "CAPACITY",
    "FOREVER_NS",
    "Grid",
    "Node",
    "NodeProcess",
    "frames",
    "keys_in",
    "views",
]

CAPACITY = 32 << 20
FOREVER_NS = 1 << 62


def frames(value: bytes, *, viewable: bool = False) -> Frames:
    return Frames(b"header", (memoryview(value),), viewable)


def keys_in(partition: int, count: int = 1, space: str = "default") -> list[str]:
    """Keys of one partition."""
    found: list[str] = []
    number = 0
    while len(found) < count:
        key = f"key-{number}"
        if partition_of(space, key) == partition:
            found.append(key)
        number += 1
    return found


class Node:
    """One member: everything but the threads that follow the membership."""

    def __init__(
        self, directory: Path, number: int, capacity_nbytes: int = CAPACITY
    ) -> None:
        self.number = number
        self.name = directory.name
        self.store = open_store(directory, capacity_nbytes=capacity_nbytes)
        self.standing = Standing.create(self.store)
        self.peers = Peers(KEY, name=self.name)
        self.service = Service(self.store, self.standing, self.peers)
        self.handover = Handover(self.store, self.standing, self.peers)
        self.service.handlers |= self.handover.handlers
        self.service.streams |= self.handover.streams
        streams = {op: self.service.stream(op) for op in self.service.streams}
        self.server = Server(KEY, self.service.handle, streams=streams)
        self.server.start()
        self.space = self.store.namespace(Namespace("default"))
        self.address = self.server.address
        """Where the others find it: maybe another process with the same store."""

    @property
    def member(self) -> Member:
        host, port = self.address
        path = str(self.store.directory)
        return Member(self.number, self.name, host, port, "", path, CAPACITY, {})

    def install(self, view: View) -> None:
        self.standing.install(self.store, view, self.number)
        self.standing.renew(FOREVER_NS)

    # -- entries -----------------------------------------------------------

    def put(
        self, key: str, value: bytes, *, replicas: int = 1, token: int = 0, **more: Any
    ) -> None:
        """As a client at the key's home does."""
        order = Order(self.space, key, frames(value), **more)
        self.service.owner.put(order, replicas=replicas, token=token)

    def delete(self, key: str) -> bool:
        """As a client at the key's home does."""
        return self.service.owner.delete(self.space, key)

    def plant(self, key: str, value: bytes, stamp: Stamp, **more: Any) -> None:
        """Store an entry by no rules."""
        order = Order(self.space, key, frames(value), stamp=stamp, **more)
        self.store.put(order)

    def keep(self, key: str, value: bytes, edition: int = 0) -> None:
        """Store a copy of an immutable value."""
        self.plant(key, value, Stamp(0, edition, IMMUTABLE))

    def read(self, key: str) -> bytes | Any:
        """What this node says of a key as its home; the value if it has one."""
        found = self.service.home.look(self.space, key)
        return bytes(found.body) if isinstance(found, Hit) else found

    def value(self, key: str) -> bytes | None:
        """What lies in the store, whether it counts or not."""
        found = self.store.get(*entry_key(self.space.id, key))
        return None if isinstance(found, Miss) else bytes(found.body)

    def entry(self, key: str) -> Entry | None:
        name, _ = entry_key(self.space.id, key)
        return self.store.snapshot(lambda txn: self.store.entry_in(txn, name))

    # -- the directory -----------------------------------------------------

    def save(self, records: Mapping[str, Record]) -> None:
        """Write records of the directory here."""

        def work(txn: WriteTxn) -> None:
            for text, record in records.items():
                directory.save(txn, entry_key(self.space.id, text)[0], record)

        self.store.transact(work)

    def load(self, text: str) -> Record | None:
        """What the directory here says of a key."""
        key, _ = entry_key(self.space.id, text)
        return self.store.snapshot(lambda txn: directory.load(txn, key))

    # -- life --------------------------------------------------------------

    def close(self) -> None:
        self.server.close()
        self.service.close()
        self.peers.close()
        self.standing.close()
        report = self.store.check()
        close_store(self.store)
        assert report.ok, report.problems


class NodeProcess(Child):
    """A node that is served by a process of its own, which has its store open, too.

    Parameters
    ----------
    gate
        `op` or `op:part` of requests that wait inside until they are let on.
    skip
        How many of them pass before.
    """

    package = "tests.cluster.workers"

    def __init__(self, node: Node, gate: str = "-", skip: int = 0) -> None:
        directory = node.store.directory
        super().__init__("node_process", directory, node.number, gate, skip)
        node.address = ("127.0.0.1", int(self.hear()))


class Grid:
    """Nodes and the view that they go by."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.nodes: dict[str, Node] = {}
        self.view = View.empty("test")
        self.term = 100

    def add(self, name: str, capacity_nbytes: int = CAPACITY) -> Node:
        """Start a node; `publish` makes it a member."""
        number = len(self.nodes) + 1
        self.nodes[name] = Node(self.directory / name, number, capacity_nbytes)
        return self.nodes[name]

    def publish(self, only: Iterable[Node] | None = None, **changes: Any) -> View:
        """Install the next view everywhere, or at some nodes only."""
        members = tuple(node.member for node in self.nodes.values())
        changes = {"members": members} | changes
        self.view = replace(self.view, epoch=self.view.epoch + 1, **changes)
        for node in self.nodes.values() if only is None else only:
            node.install(self.view)
        return self.view

    def give_all(self, owner: Node) -> View:
        """Let a node own everything."""
        owners = np.full(PARTITIONS, owner.number, np.int32)
        return self.publish(owners=owners, terms=self.new_terms())

    def new_terms(self) -> Any:
        first = self.term
        self.term += PARTITIONS
        return np.arange(first, first + PARTITIONS, dtype=np.int64)

    def begin_moves(
        self, source: Node, target: Node, partitions: Iterable[int], **more: Any
    ) -> tuple[Move, ...]:
        """Let partitions move."""
        terms = self.new_terms()
        moves = tuple(
            Move(one, source.number, target.number, int(terms[one]))
            for one in partitions
        )
        self.publish(moves=self.view.moves + moves, **more)
        return moves

    def finish(self, done: Iterable[tuple[int, int]]) -> View:
        """Let the targets of moves own what has come."""
        owners, terms = self.view.owners.copy(), self.view.terms.copy()
        done = set(done)
        left = []
        for move in self.view.moves:
            if (move.partition, move.term) in done:
                owners[move.partition] = move.target
                terms[move.partition] = move.term
            else:
                left.append(move)
        return self.publish(owners=owners, terms=terms, moves=tuple(left))

    def move(self, source: Node, target: Node, partitions: Iterable[int]) -> None:
        """Move partitions and have them come."""
        moves = self.begin_moves(source, target, partitions)
        done = target.handover.pull_moves(self.view)
        assert set(done) == {(move.partition, move.term) for move in moves}
        self.finish(done)

    def back_up(self, copy: Node, partitions: Iterable[int], **more: Any) -> View:
        """Let a node be the backup, not ready, of some partitions."""
        backups = np.full(PARTITIONS, NOBODY, np.int32)
        terms, fresh = np.zeros(PARTITIONS, np.int64), self.new_terms()
        for one in partitions:
            backups[one], terms[one] = copy.number, fresh[one]
        ready = np.zeros(PARTITIONS, np.bool_)
        return self.publish(backups=backups, backup_terms=terms, ready=ready, **more)

    def lose(self, node: Node, heir: Node, *, promote: bool = False) -> View:
        """Take a node out; what it had is promoted, or begins empty at the heir."""
        view, epoch = self.view, self.view.epoch + 1
        gone = view.owners == node.number
        owners = np.where(gone, heir.number, view.owners).astype(np.int32)
        fresh = view.backup_terms if promote else self.new_terms()
        terms = np.where(gone, fresh, view.terms)
        lost = np.where(gone, epoch, view.lost_epochs)
        at = np.where(gone, time.time(), view.lost_at)
        backups = np.full(PARTITIONS, NOBODY, np.int32)
        self.nodes.pop(node.name).close()
        return self.publish(
            owners=owners,
            terms=terms,
            lost_epochs=lost,
            lost_at=at,
            backups=backups,
            backup_terms=np.zeros(PARTITIONS, np.int64),
        )

    def close(self) -> None:
        for node in self.nodes.values():
            node.close()
        self.nodes.clear()


@contextmanager
def views(directory: Path) -> Iterator[Grid]:
    """A grid without members; its stores are checked at the end."""
    grid = Grid(directory)
    try:
        yield grid
    finally:
        grid.close()
