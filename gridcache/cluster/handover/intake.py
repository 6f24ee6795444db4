"""Intake: the target's side of a move: what comes is stored under the move's term.

Nothing of it is visible before the membership makes this node the owner, and a
move that is dropped leaves nothing that could be seen: its term is never given
again. So a failure anywhere means to begin again.
"""

import logging
from collections.abc import Iterable, Iterator
from threading import Event

from gridcache.cluster.handover.legacy import merge_records
from gridcache.cluster.handover.parcel import Meta, fetched, opened
from gridcache.cluster.handover.surrender import ENTRIES, LEGACY
from gridcache.cluster.home.bodies import OtherBodyError
from gridcache.cluster.home.done import merge_notes
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import Member, Move, View
from gridcache.errors import GridCacheError, OutOfSpaceError, ValueTooLargeError
from gridcache.store.node_store import NodeStore
from gridcache.store.records import Stamp, entry_key
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["Intake"]

_logger = logging.getLogger("gridcache")


class Intake:
    """Takes partitions over, at one node."""

    def __init__(
        self, store: NodeStore, standing: Standing, peers: Peers, ended: Event
    ) -> None:
        self._store = store
        self._standing = standing
        self._peers = peers
        self._ended = ended
        self._moves: tuple[View | None, dict[int, Move]] = None, {}

    def pull(self, view: View) -> list[tuple[int, int]]:
        """Take in what is to come here; returns (partition, term) of what has come.

        A source that does not answer is left for the next time.
        """
        sources: dict[int, list[Move]] = {}
        for move in view.moves_to(self._standing.member):
            sources.setdefault(move.source, []).append(move)
        done: list[tuple[int, int]] = []
        for number, moves in sources.items():
            source = view.member(number)
            if source is not None:
                done += self._pull_from(source, view.epoch, moves)
        return done

    def _pull_from(
        self, source: Member, epoch: int, moves: Iterable[Move]
    ) -> list[tuple[int, int]]:
        line = _Line(self._peers, source, epoch, self._standing.member)
        left = {move.partition: move.term for move in moves}
        try:
            self._take_entries(line, left)
            self._take_legacy(line, left)
        except GridCacheError as error:
            _logger.info("nothing came from %s: %s", source.name, error)
            return []
        return list(left.items())

    def _take_entries(self, line: "_Line", left: dict[int, int]) -> None:
        """Store all entries; moves that do not stand any more leave `left`."""
        marked: set[int] = set()
        for page in line.pages(ENTRIES, left):
            marked |= set(page.meta["marked"])
            with self._store.batch():
                self._store_all(opened(self._store, page.meta, page.buffers), left)
            large = fetched(self._store, self._peers, line.source, page.meta)
            self._store_all(large, left)
        self._store.transact(lambda txn: self._mark(txn, marked, left))

    def _mark(self, _txn: WriteTxn, marked: set[int], left: dict[int, int]) -> None:
        """Remember where a copy elsewhere may have a key that its owner has not."""
        for partition in marked & left.keys():
            if self._stands(partition, left[partition]):
                self._standing.note_replicated(partition)

    def _take_legacy(self, line: "_Line", left: dict[int, int]) -> None:
        for page in line.pages(LEGACY, left):
            merge_records(self._store, page.meta)
            for notes in page.buffers:
                merge_notes(self._store, notes)

    def _store_all(self, orders: Iterable[Order], left: dict[int, int]) -> None:
        for order in orders:
            if self._ended.is_set():
                left.clear()
                return
            partition = partition_of(order.space.name, order.key)
            term = left.get(partition)
            if term is not None and not self._store_one(order, partition, term):
                del left[partition]

    def _store_one(self, order: Order, partition: int, term: int) -> bool:
        """Store an entry; False if its move does not stand any more."""
        stamp = order.stamp._replace(term=term)
        stands = True

        def guard(txn: WriteTxn) -> bool:
            nonlocal stands
            stands = self._stands(partition, term)
            return stands and not self._has(txn, order, stamp)

        stamped = order._replace(stamp=stamp, fence=guard)
        try:
            if not self._store.snapshot(lambda txn: self._has(txn, order, stamp)):
                self._store.put(stamped)
        except OtherBodyError:
            pass  # evicted at the source: as if it had been before
        except (ValueTooLargeError, OutOfSpaceError) as error:
            _logger.warning("%r did not fit here when it moved: %s", order.key, error)
        return stands

    def _has(self, txn: WriteTxn, order: Order, stamp: Stamp) -> bool:
        """True if an entry came before, or a newer one is here as a copy."""
        key, _ = entry_key(order.space.id, order.key)
        old = self._store.entry_in(txn, key)
        return (
            old is not None
            and old.stamp.term == stamp.term
            and old.stamp.origin >= stamp.origin
        )

    def _stands(self, partition: int, term: int) -> bool:
        """True if the installed view has a move; inside a transaction."""
        view = self._standing.view()
        if self._moves[0] is not view:
            self._moves = view, {move.partition: move for move in view.moves}
        move = self._moves[1].get(partition)
        me = self._standing.member
        return move is not None and (move.target, move.term) == (me, term)


class _Line:
    """The source of some moves, as it is asked for them."""

    def __init__(self, peers: Peers, source: Member, epoch: int, me: int) -> None:
        self.source = source
        self._peers = peers
        self._about: Meta = {"to": source.number, "target": me, "epoch": epoch}

    def pages(self, part: str, left: dict[int, int]) -> Iterator[Answer]:
        """Ask for page after page; what the source does not give leaves `left`."""
        after: str | None = ""
        while after is not None and left:
            moves = list(left.items())
            request = {**self._about, "part": part, "after": after}
            page = self._peers.call(
                self.source.address, "surrender", {**request, "moves": moves}
            )
            given = set(page.meta.get("frozen", ()))
            for partition in left.keys() - given:
                del left[partition]
            if left:
                yield page
            after = page.meta.get("after")
