"""Refill: a copy that is new gets what is replicated, many entries per message.

Writes go to a new copy from the moment that it is in the owner's view; this sends
what was there before. A copy is full once all entries, the writes that were
carried out and the deletes of immutable entries have arrived.
"""

import logging
from collections.abc import Iterable
from threading import Event
from typing import Any

from gridcache.cluster.handover.gathering import Found, entries
from gridcache.cluster.handover.legacy import pack_records, read_records
from gridcache.cluster.handover.parcel import Parcel, frames_of
from gridcache.cluster.handover.surrender import written_under
from gridcache.cluster.home.done import read_notes
from gridcache.cluster.home.items import buffers_of, entry_meta, space_meta
from gridcache.cluster.home.moved import MOVED, is_moved
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.view import Member, View
from gridcache.errors import GridCacheError, OutOfSpaceError, ValueTooLargeError
from gridcache.store.node_store import NodeStore
from gridcache.store.records import REPLICATED

__all__ = ["Refill"]

_MOST = 512
"""Partitions filled in one round, so that other chores have their turn."""
_logger = logging.getLogger("gridcache")


class Refill:
    """Fills the copies of what one node owns."""

    def __init__(
        self, store: NodeStore, standing: Standing, peers: Peers, ended: Event
    ) -> None:
        self._store = store
        self._standing = standing
        self._peers = peers
        self._ended = ended

    def fill(self, view: View) -> list[tuple[int, int]]:
        """Fill copies; returns (partition, copy's term) of those that are full.

        Not all at once, if they are many. A copy that is away is left for the
        next time.
        """
        chosen = self._choose(view)
        marked = {one for one in chosen if self._standing.is_replicated(one)}
        by_partition = self._fillings(view, chosen)
        fillings = {one.copy.number: one for one in by_partition.values()}
        self._send_entries(view, marked, by_partition)
        deleted = read_records(self._store, by_partition, deleted=True)
        for one in fillings.values():
            one.send_entries()
            one.send_records(known for known in deleted if known.partition in one.terms)
            one.send_notes(marked)
        if self._ended.is_set():
            return []
        return [full for one in fillings.values() for full in one.full()]

    def _choose(self, view: View) -> list[int]:
        """Those with nothing to send all at once, of the others a part."""
        unfilled = view.unfilled(self._standing.member).tolist()
        marked = [one for one in unfilled if self._standing.is_replicated(one)]
        left = set(marked[_MOST:])
        return [one for one in unfilled if one not in left]

    def _fillings(self, view: View, chosen: Iterable[int]) -> dict[int, "_Filling"]:
        fillings: dict[int, _Filling] = {}
        by_partition = {}
        for partition in chosen:
            number, copy_term = view.copies(partition)[-1]
            copy = view.member(number)
            if copy is not None:
                new = _Filling(self._store, self._peers, copy)
                filling = fillings.setdefault(number, new)
                filling.terms[partition] = int(view.terms[partition]), copy_term
                by_partition[partition] = filling
        return by_partition

    def _send_entries(
        self, view: View, marked: set[int], fillings: dict[int, "_Filling"]
    ) -> None:
        wanted_in = marked & fillings.keys()
        if not wanted_in:
            return
        terms = {partition: int(view.terms[partition]) for partition in wanted_in}
        wanted = written_under(self._standing, terms, REPLICATED)
        for found in entries(self._store, wanted_in, wanted):
            fillings[found.partition].add(found)
            if self._ended.is_set():
                break


class _Filling:
    """What goes to one member."""

    def __init__(self, store: NodeStore, peers: Peers, copy: Member) -> None:
        self.copy = copy
        self.terms: dict[int, tuple[int, int]] = {}
        """By partition: of the owner and of the copy; gone once that failed."""
        self._store = store
        self._peers = peers
        self._parcel = Parcel()

    def full(self) -> list[tuple[int, int]]:
        """(partition, copy's term) of all that nothing went wrong with."""
        return [(partition, terms[1]) for partition, terms in self.terms.items()]

    def add(self, found: Found) -> None:
        """Send an entry, now or with others."""
        if found.partition not in self.terms:
            return
        if not self._parcel.add(self._store, found, whole=True):
            self._send_large(found)
        if self._parcel.full:
            self.send_entries()

    def send_entries(self) -> None:
        """Send those that wait."""
        parcel, self._parcel = self._parcel, Parcel()
        if parcel:
            terms = list(self.terms.items())
            self.send("copies", {**parcel.meta, "terms": terms}, parcel.buffers)

    def send_records(self, records: Iterable[Any]) -> None:
        """Send what was deleted."""
        meta = pack_records(records)
        if meta["records"]:
            self.send("legacy", meta)

    def send_notes(self, marked: set[int]) -> None:
        """Send which writes were carried out, of partitions with replicated keys."""
        terms = dict(self.terms[one] for one in marked & self.terms.keys())
        if terms:
            notes = read_notes(self._store, terms)
            self.send("legacy", {"spaces": [], "records": []}, [notes])

    def send(self, op: str, meta: dict[str, Any], buffers: Any = ()) -> bool:
        """Ask the copy; what it refuses leaves `terms`. True if it took the rest."""
        answer = self._ask(op, meta, buffers) if self.terms else _NOBODY
        if is_moved(answer):
            self.terms.clear()
        for partition in answer.meta.get("refused", ()):
            self.terms.pop(partition, None)
        return bool(self.terms)

    def _ask(self, op: str, meta: dict[str, Any], buffers: Any) -> Answer:
        about = {**meta, "to": self.copy.number}
        try:
            return self._peers.call(self.copy.address, op, about, buffers)
        except (ValueTooLargeError, OutOfSpaceError) as error:
            _logger.warning("no room for copies at %s: %s", self.copy.name, error)
            return Answer() if op == "copy" else _NOBODY
        except GridCacheError as error:
            _logger.info("%s was not filled: %s", self.copy.name, error)
            return _NOBODY

    def _send_large(self, found: Found) -> None:
        read = frames_of(self._store, found)
        if read is None:
            return
        entry, frames = read
        term, copy_term = self.terms[found.partition]
        meta = {
            **entry_meta(found.key, entry),
            "space": space_meta(found.space),
            "term": term,
            "copy_term": copy_term,
            "token": 0,
            "header": frames.header.hex(),
        }
        answer = self._ask("copy", meta, buffers_of(frames))
        if answer is _NOBODY:
            self.terms.clear()
        elif is_moved(answer):
            del self.terms[found.partition]


_NOBODY = Answer(MOVED)
