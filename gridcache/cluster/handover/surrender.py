"""Surrender: the source's side of a move, page by page.

Each request freezes the partitions first: from then on nothing is written there
under the old term, so what is found afterwards is everything. Asked again after a
failure it gives the same again. Entries come first, then the directory, then the
writes that were carried out.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from gridcache.cluster.handover.gathering import Found, entry_step, record_step
from gridcache.cluster.handover.legacy import pack_records
from gridcache.cluster.handover.parcel import Meta, Parcel
from gridcache.cluster.home.done import read_notes
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry

__all__ = ["ENTRIES", "LEGACY", "Surrender"]

ENTRIES, LEGACY = "entries", "legacy"
_PAGE_S = 1.0
"""One page looks for so long at most: calls have a time limit."""
_RECORDS = 10_000
"""Of the directory in one page."""
_VIEW_WAIT_S = 1.0
_PAUSE_S = 0.003


class Surrender:
    """Gives partitions away, at one node."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    def answer(self, session: Session, meta: Meta, _buffers: Any) -> Answer:
        """Give one page of what the moves of a request take along.

        Answers with the partitions that are frozen for it. A move that this node
        does not know is left out: it was dropped, or the view here is older.
        """
        self._await_view(session, meta["epoch"])
        terms = self._freeze(meta)
        about: Meta = {"frozen": list(terms), "after": None}
        if not terms:
            return Answer(about)
        if meta["part"] == ENTRIES:
            return self._entries(about, terms, _place(meta))
        return self._legacy(about, terms, meta)

    def _await_view(self, session: Session, epoch: int) -> None:
        """Let this node's view catch up: the target's came a moment earlier."""
        until = time.monotonic() + _VIEW_WAIT_S
        while self._standing.epoch < epoch and time.monotonic() < until:
            if session.lost(_PAUSE_S):
                return

    def _freeze(self, meta: Meta) -> dict[int, int]:
        """Freeze what may go; returns the terms under which it was served."""
        standing, target = self._standing, meta["target"]
        wanted = dict(meta["moves"])
        done = standing.freeze(self._store, wanted, target)
        view = standing.view()
        return {
            move.partition: int(view.terms[move.partition])
            for move in view.moves_from(standing.member)
            if move.target == target and done.get(move.partition) == move.term
        }

    def _entries(self, about: Meta, terms: dict[int, int], after: bytes) -> Answer:
        standing, parcel = self._standing, Parcel()
        wanted = written_under(standing, terms)
        steps = _steps(lambda at: entry_step(self._store, terms, wanted, at), after)
        for place, found in steps:
            last = self._pack(parcel, found)
            about["after"] = _text(place if last is None else last)
            if parcel.full:
                break
        about |= parcel.meta
        about["marked"] = [p for p in terms if standing.is_replicated(p)]
        return Answer(about, parcel.buffers, parcel.buffers.clear)

    def _pack(self, parcel: Parcel, found: Iterable[Found]) -> bytes | None:
        """Pack entries; returns the key of the last one if the rest has no room."""
        for one in found:
            parcel.add(self._store, one)
            if parcel.full:
                return one.key
        return None

    def _legacy(self, about: Meta, terms: dict[int, int], meta: Meta) -> Answer:
        records = []
        for place, found in _steps(
            lambda at: record_step(self._store, terms, at), _place(meta)
        ):
            records += found
            about["after"] = _text(place)
            if len(records) >= _RECORDS:
                break
        about |= pack_records(records)
        if about["after"] is not None:
            return Answer(about)
        moves = dict(meta["moves"])
        notes = {term: moves[partition] for partition, term in terms.items()}
        return Answer(about, [read_notes(self._store, notes)])


def written_under(
    standing: Standing, terms: dict[int, int], flags: int = 0
) -> Callable[[int, Entry], bool]:
    """Tell the mutable entries that count under some terms, and have some flags."""

    def counts(partition: int, entry: Entry) -> bool:
        stamp = entry.stamp
        if stamp.flags & IMMUTABLE or stamp.flags & flags != flags:
            return False
        term = stamp.term or standing.base_term(partition)
        return bool(term) and term == terms[partition]

    return counts


def _place(meta: Meta) -> bytes:
    return bytes.fromhex(meta["after"])


def _text(place: bytes | None) -> str | None:
    return None if place is None else place.hex()


def _steps(
    step: Callable[[bytes], tuple[list[Any], bytes | None]], after: bytes
) -> Iterator[tuple[bytes | None, list[Any]]]:
    """Go on with steps until the end, or for as long as a page may take."""
    place: bytes | None = after
    until = time.monotonic() + _PAGE_S
    while place is not None:
        found, place = step(place)
        yield place, found
        if time.monotonic() > until:
            return
