"""Flights: who computes which key right now, over all processes of the machine.

Glossary: a *flight* is one computation of a key under way; its *leader* is the
call that computes. Its *fence* is a number of the store's generation counter, so
an entry with a larger generation was put after the flight began. A *wait edge*
says that a call made inside one flight waits for another key's.

Covers the table and its transactions; who waits how is in `gridcache.flight`.

- A flight is one record under its entry key. Beginning is one transaction, and
  ending happens inside the transaction that commits the value, so a miss that
  nobody shares pays for one transaction more.
- Beginning looks for the entry in the same transaction: who leads knows that the
  key is absent, and need not look again.
- A leader is dead when its client row's lock is free or the row has another
  owner; then whoever sees it replaces it. One that merely does not move is
  judged by its waiters (`instead_of`).
- A fence holds as long as the record carries it and nobody has put the key since:
  a late leader overwrites nothing newer.
- Only calls inside a flight can close a cycle, so only they write wait edges. The
  edge is checked and written in one transaction: of two calls that would wait for
  each other the second sees the first. Edges name keys, not fences, and so hold
  when a flight changes its leader.
- What an interruption leaves (no `end`) is told by the weak dictionary of this
  process's leads, what a death leaves by the row; `tidy` removes both.
"""

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from struct import Struct

from gridcache.errors import CorruptFramesError, GridCacheError
from gridcache.store.flight_graph import EDGE_PREFIX, FlightGraph
from gridcache.store.index import IndexFullError, WriteTxn
from gridcache.store.lead import Lead
from gridcache.store.parts import Parts

__all__ = ["Circular", "Flight", "Flights", "Present"]

_FLIGHT = Struct("<QQQI")
_EDGE = Struct("<QQI")


@dataclass(frozen=True, slots=True)
class Flight:
    """A record of the table."""

    fence: int
    parent: int
    """Fence of the flight it was begun in, 0 for none."""
    started_ns: int
    """Of the leader's client row: tells its owners apart."""
    row: int


@dataclass(frozen=True, slots=True)
class Present:
    """The key has a value: nobody needs to compute."""

    generation: int


@dataclass(frozen=True, slots=True)
class Circular:
    """Waiting would never end: the flight waits for the call that asks."""


class Flights:
    """The flights of one store, as one process sees them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._mine: weakref.WeakValueDictionary[int, Lead] = (
            weakref.WeakValueDictionary()
        )
        """By fence and by edge number: what calls of this process hold."""

    # -- looking -----------------------------------------------------------

    def look(self, lead: Lead) -> Present | Flight | None:
        """What a waiter finds: the value, the flight, or neither. Writes nothing."""
        return self._parts.index.snapshot(
            lambda txn: self._present(txn, lead) or _load(txn, lead.key)
        )

    def _present(self, txn: WriteTxn, lead: Lead) -> Present | None:
        try:
            entry = self._parts.books.find(txn, lead.key)
        except CorruptFramesError:
            return None
        if entry is None or entry.generation <= lead.unusable:
            return None
        if entry.long_key != lead.long_key or 0.0 < entry.expires <= time.time():
            return None
        return Present(entry.generation)

    def leads(self, flight: Flight) -> bool:
        """True while the leader's process lives and has not forgotten the flight."""
        return self._held(flight.row, flight.started_ns, flight.fence)

    def _held(self, row: int, started_ns: int, number: int) -> bool:
        clients, mine = self._parts.clients, self._parts.row
        if clients.started_ns(row) != started_ns:
            return False
        if row == mine.row:
            return number in self._mine
        return clients.alive(row)

    def heartbeat_s(self, flight: Flight) -> float:
        """When the leader's process last moved, CLOCK_MONOTONIC."""
        return self._parts.clients.heartbeat_s(flight.row)

    def local(self, flight: Flight) -> Lead | None:
        """The lead, if a call of this process has it: it wakes its waiters."""
        return self._mine.get(flight.fence)

    # -- beginning ---------------------------------------------------------

    def begin(
        self, lead: Lead, *, instead_of: int = 0
    ) -> Lead | Present | Flight | Circular:
        """Lead, or learn why not; all in one transaction.

        Parameters
        ----------
        instead_of
            Fence of a flight whose leader does not move: it loses its fence.

        Returns
        -------
        Lead | Present | Flight | Circular
            The lead itself if it leads now, the flight if it must wait.

        Raises
        ------
        StoreStalledError, IndexFullError
            Nothing was begun.
        """

        def work(txn: WriteTxn) -> Lead | Present | Flight | Circular:
            present = self._present(txn, lead)
            if present is not None:
                return present
            flight = _load(txn, lead.key)
            if flight is None:
                return self._take(txn, lead)
            if flight.fence != instead_of and self.leads(flight):
                return self._follow(txn, lead, flight)
            _void(txn, lead.key, flight)
            return self._take(txn, lead)

        try:
            return self._parts.index.transact(work)
        except (GridCacheError, IndexFullError):
            lead.fence = 0
            raise

    def _take(self, txn: WriteTxn, lead: Lead) -> Lead:
        row = self._parts.row
        # Noted before the commit: an interruption anywhere after it finds them.
        lead.fence = self._parts.books.new_generation(txn)
        self._mine[lead.fence] = lead
        inside = _surrounding(txn, lead)
        record = _FLIGHT.pack(lead.fence, inside, row.started_ns, row.row)
        txn.put(lead.key, record, db=txn.tables.flights)
        if lead.edge:
            txn.txn.delete(_edge_key(lead.edge), db=txn.tables.flights)
            txn.after.append(lead.forget_edge)
        return lead

    def _follow(self, txn: WriteTxn, lead: Lead, flight: Flight) -> Flight | Circular:
        inside = _surrounding(txn, lead)
        if not inside or lead.edge:
            return flight
        if _read_graph(txn).depends(flight.fence, on=inside):
            return Circular()
        row = self._parts.row
        lead.edge = self._parts.books.new_generation(txn)
        self._mine[lead.edge] = lead
        record = _EDGE.pack(inside, row.started_ns, row.row) + lead.key
        txn.put(_edge_key(lead.edge), record, db=txn.tables.flights)
        return flight

    # -- ending ------------------------------------------------------------

    def fence(self, lead: Lead) -> Callable[[WriteTxn], bool]:
        """What a put of the lead's value asks inside its commit.

        True ends the flight in that same transaction. May be asked again if the
        transaction is repeated.
        """

        def holds(txn: WriteTxn) -> bool:
            flight = _load(txn, lead.key)
            if not lead.is_ours or flight is None or flight.fence != lead.fence:
                return False
            txn.txn.delete(lead.key, db=txn.tables.flights)
            txn.after.append(lead.finish)
            return not self._newer(txn, lead)

        return holds

    def _newer(self, txn: WriteTxn, lead: Lead) -> bool:
        try:
            entry = self._parts.books.find(txn, lead.key)
        except CorruptFramesError:
            return False
        return entry is not None and entry.generation > lead.fence

    def end(self, lead: Lead) -> None:
        """Remove what the lead left in the table and wake its waiters.

        Never raises for the store's sake: what stays is removed by `tidy`.
        """
        if not lead.is_ours:
            return

        def work(txn: WriteTxn) -> None:
            flight = _load(txn, lead.key)
            if flight is not None and flight.fence == lead.fence:
                txn.txn.delete(lead.key, db=txn.tables.flights)
            if lead.edge:
                txn.txn.delete(_edge_key(lead.edge), db=txn.tables.flights)

        try:
            if lead.edge or (lead.fence and not lead.finished):
                with suppress(GridCacheError, IndexFullError, OSError):
                    self._parts.index.transact(work)
        finally:
            self._mine.pop(lead.fence, None)
            self._mine.pop(lead.edge, None)
            lead.finish()

    def tidy(self) -> int:
        """Remove flights and edges that nobody holds; returns how many."""
        found = self._parts.index.snapshot(self._abandoned)
        if not found:
            return 0

        def work(txn: WriteTxn) -> None:
            for key, record in found:
                if txn.get(key, db=txn.tables.flights) == record:
                    txn.txn.delete(key, db=txn.tables.flights)

        self._parts.index.transact(work)
        return len(found)

    def _abandoned(self, txn: WriteTxn) -> list[tuple[bytes, bytes]]:
        return [
            (key, record)
            for key, record in _records(txn)
            if not self._held(*_holder(key, record))
        ]

    def close(self) -> None:
        """End what this process leads; its calls may still compute."""
        for lead in list(self._mine.values()):
            self.end(lead)

    def after_fork_in_child(self) -> None:
        """A child leads nothing: the flights are its parent's."""
        self._mine = weakref.WeakValueDictionary()


def _load(txn: WriteTxn, key: bytes) -> Flight | None:
    record = txn.get(key, db=txn.tables.flights)
    return Flight(*_FLIGHT.unpack(record)) if record is not None else None


def _surrounding(txn: WriteTxn, lead: Lead) -> int:
    """Fence of the innermost flight around the call that still has its fence."""
    outer = lead.outer
    while outer is not None:
        flight = _load(txn, outer.key)
        if flight is not None and flight.fence == outer.fence:
            return outer.fence
        outer = outer.outer
    return 0


def _records(txn: WriteTxn) -> Iterator[tuple[bytes, bytes]]:
    with txn.txn.cursor(txn.tables.flights) as cursor:
        yield from cursor


def _holder(key: bytes, record: bytes) -> tuple[int, int, int]:
    """Row, its owner's start, and the number under which the owner holds it."""
    if key.startswith(EDGE_PREFIX):
        _, started_ns, row = _EDGE.unpack_from(record)
        return row, started_ns, int.from_bytes(key[len(EDGE_PREFIX) :], "big")
    flight = Flight(*_FLIGHT.unpack(record))
    return flight.row, flight.started_ns, flight.fence


def _read_graph(txn: WriteTxn) -> FlightGraph:
    graph = FlightGraph()
    for key, record in _records(txn):
        if key.startswith(EDGE_PREFIX):
            inside, _, _ = _EDGE.unpack_from(record)
            graph.add_wait(inside, record[_EDGE.size :])
        else:
            flight = Flight(*_FLIGHT.unpack(record))
            graph.add_flight(key, flight.fence, flight.parent)
    return graph


def _void(txn: WriteTxn, key: bytes, flight: Flight) -> None:
    """Drop a flight that lost its fence; what was begun in it goes to its parent.

    Its call may go on for long, and who waits for the parent waits for it too.
    """
    txn.txn.delete(key, db=txn.tables.flights)
    for other, record in list(_records(txn)):
        if other.startswith(EDGE_PREFIX):
            inside, started_ns, row = _EDGE.unpack_from(record)
            changed = _EDGE.pack(flight.parent, started_ns, row) + record[_EDGE.size :]
        else:
            fence, inside, started_ns, row = _FLIGHT.unpack(record)
            changed = _FLIGHT.pack(fence, flight.parent, started_ns, row)
        if inside == flight.fence:
            txn.put(other, changed, db=txn.tables.flights)


def _edge_key(number: int) -> bytes:
    return EDGE_PREFIX + number.to_bytes(8, "big")
