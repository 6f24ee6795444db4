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
- A delete takes the fence too: what was read before it must not be stored after
  it. By tag it does not, a flight's tags are not known before its value.
- What an interruption leaves (no `end`) is told by the weak dictionary of this
  process's leads, what a death leaves by the row; `tidy` removes both.
"""

import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gridcache.errors import CorruptFramesError, GridCacheError
from gridcache.store.flight_records import (
    Edge,
    Flight,
    drop_edge,
    drop_flight,
    flight_records,
    load_flight,
    put_edge,
    put_flight,
    read_graph,
    unpack_record,
)
from gridcache.store.lead import Lead
from gridcache.store.namespaces import Namespace
from gridcache.store.parts import Parts
from gridcache.store.records import TOMBSTONE, Entry
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["Circular", "Flights", "Present"]


@dataclass(frozen=True, slots=True)
class Present:
    """The key has a value: nobody needs to compute."""

    generation: int


@dataclass(frozen=True, slots=True)
class Circular:
    """Waiting would never end: the flight waits for the call that asks."""


class Flights:
    """The flights of one store, as one process sees them."""

    def __init__(self, parts: Parts, relief: Relief) -> None:
        self._parts = parts
        self._snapshot = parts.index.snapshot
        self._transact = relief.index.transact
        self._mine: weakref.WeakValueDictionary[int, Lead] = (
            weakref.WeakValueDictionary()
        )
        """By fence and by edge number: what calls of this process hold."""
        self.shows: Callable[[bytes, Entry], bool] = _shows
        """Whether an entry counts as a value; a grid has rules of its own."""
        self.elsewhere: Callable[[WriteTxn, Lead], Present | None] = _nowhere
        """What a grid knows of a value that is not in this store."""

    # -- looking -----------------------------------------------------------

    def look(self, lead: Lead) -> Present | Flight | None:
        """What a waiter finds: the value, the flight, or neither. Writes nothing."""
        return self._snapshot(
            lambda txn: self._present(txn, lead) or load_flight(txn, lead.key)
        )

    def _present(self, txn: WriteTxn, lead: Lead) -> Present | None:
        try:
            entry = self._parts.books.find(txn, lead.key)
        except CorruptFramesError:
            return None
        if entry is None or not self.shows(lead.key, entry):
            return self.elsewhere(txn, lead)
        if entry.generation <= lead.unusable:
            return None
        if entry.long_key != lead.long_key or 0.0 < entry.expires <= time.time():
            return None
        return Present(entry.generation)

    def is_held(self, record: Flight | Edge) -> bool:
        """True while its process lives and has not forgotten it."""
        clients, mine = self._parts.clients, self._parts.row
        if clients.started_ns(record.row) != record.started_ns:
            return False
        if record.row == mine.row:
            number = record.fence if isinstance(record, Flight) else record.number
            return number in self._mine
        return clients.alive(record.row)

    def heartbeat_s(self, flight: Flight) -> float:
        """When the leader's process last moved, CLOCK_MONOTONIC."""
        return self._parts.clients.heartbeat_s(flight.row)

    def visible_pid(self, flight: Flight) -> int:
        """Pid of the leader's process, 0 if this process would see another there."""
        return self._parts.clients.visible_pid(flight.row)

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
        StoreStalledError, OutOfSpaceError
            Nothing was begun.
        """

        def work(txn: WriteTxn) -> Lead | Present | Flight | Circular:
            present = self._present(txn, lead)
            if present is not None:
                return present
            flight = load_flight(txn, lead.key)
            if flight is None:
                return self._take(txn, lead)
            if flight.fence != instead_of and self.is_held(flight):
                return self._follow(txn, lead, flight)
            drop_flight(txn, lead.key, flight)
            return self._take(txn, lead)

        try:
            return self._transact(work)
        except GridCacheError:
            lead.fence = 0
            raise

    def _take(self, txn: WriteTxn, lead: Lead) -> Lead:
        row = self._parts.row
        # Noted before the commit: an interruption anywhere after it finds them.
        lead.fence = self._parts.books.new_generation(txn)
        self._mine[lead.fence] = lead
        inside = _surrounding(txn, lead)
        put_flight(txn, lead.key, Flight(lead.fence, inside, row.started_ns, row.row))
        if lead.edge:
            drop_edge(txn, lead.edge)
            txn.after.append(lead.forget_edge)
        return lead

    def _follow(self, txn: WriteTxn, lead: Lead, flight: Flight) -> Flight | Circular:
        inside = _surrounding(txn, lead)
        if not inside or lead.edge:
            return flight
        if read_graph(txn).depends(flight.fence, on=inside):
            return Circular()
        row = self._parts.row
        lead.edge = self._parts.books.new_generation(txn)
        self._mine[lead.edge] = lead
        put_edge(txn, Edge(lead.edge, inside, row.started_ns, row.row, lead.key))
        return flight

    # -- ending ------------------------------------------------------------

    def fence(self, lead: Lead) -> Callable[[WriteTxn], bool]:
        """What a put of the lead's value asks inside its commit.

        True ends the flight in that same transaction. May be asked again if the
        transaction is repeated.
        """

        def holds(txn: WriteTxn) -> bool:
            flight = load_flight(txn, lead.key)
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
            flight = load_flight(txn, lead.key)
            if flight is not None and flight.fence == lead.fence:
                txn.txn.delete(lead.key, db=txn.tables.flights)
            if lead.edge:
                drop_edge(txn, lead.edge)

        try:
            if lead.edge or (lead.fence and not lead.finished):
                with suppress(GridCacheError, OSError):
                    self._transact(work)
        finally:
            self._mine.pop(lead.fence, None)
            self._mine.pop(lead.edge, None)
            lead.finish()

    def void(self, txn: WriteTxn, key: bytes) -> None:
        """Take the fence of a key's flight: what it computes is older than a delete.

        Its call goes on and keeps its result for itself; a waiter leads anew.
        """
        flight = load_flight(txn, key)
        if flight is not None:
            drop_flight(txn, key, flight)

    def void_all(self, space: Namespace) -> None:
        """Take the fences of all flights of a namespace."""

        def under(txn: WriteTxn) -> list[bytes]:
            return [
                key for key, _ in flight_records(txn) if key.startswith(space.prefix)
            ]

        def work(txn: WriteTxn) -> None:
            for key in under(txn):
                self.void(txn, key)

        if self._snapshot(under):
            self._transact(work)

    def tidy(self) -> int:
        """Remove flights and edges that nobody holds; returns how many."""
        # Looked at outside the snapshot: each costs a system call.
        found = [
            (key, record)
            for key, record in self._snapshot(lambda txn: list(flight_records(txn)))
            if not self.is_held(unpack_record(key, record))
        ]
        if not found:
            return 0

        def work(txn: WriteTxn) -> None:
            for key, record in found:
                if txn.get(key, db=txn.tables.flights) == record:
                    txn.txn.delete(key, db=txn.tables.flights)

        self._transact(work)
        return len(found)

    def close(self) -> None:
        """End what this process leads; its calls may still compute."""
        for lead in list(self._mine.values()):
            self.end(lead)

    def after_fork_in_child(self) -> None:
        """A child leads nothing: the flights are its parent's."""
        self._mine = weakref.WeakValueDictionary()


def _nowhere(_txn: WriteTxn, _lead: Lead) -> Present | None:
    return None


def _shows(_key: bytes, entry: Entry) -> bool:
    return not entry.stamp.flags & TOMBSTONE


def _surrounding(txn: WriteTxn, lead: Lead) -> int:
    """Fence of the innermost flight around the call that still has its fence."""
    outer = lead.outer
    while outer is not None:
        flight = load_flight(txn, outer.key)
        if flight is not None and flight.fence == outer.fence:
            return outer.fence
        outer = outer.outer
    return 0
