"""Flights at a home: computations that other nodes lead for keys owned here.

A leader on another node is bound to its connection: when that ends, its flight
does. Its fence is a number, which it sends along with the value.
"""

from collections.abc import Callable
from typing import Any

from gridcache.cluster import directory
from gridcache.cluster.items import local_space
from gridcache.cluster.owner import Owner
from gridcache.cluster.placement import partition_of
from gridcache.cluster.session import Session
from gridcache.cluster.standing import Standing
from gridcache.cluster.wire import Answer
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Flights, Present
from gridcache.store.lead import Lead
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, TOMBSTONE, Entry, entry_key
from gridcache.store.transaction import WriteTxn

__all__ = ["HELD_ELSEWHERE", "FlightService", "teach"]

HELD_ELSEWHERE = 1 << 62
"""In place of a generation: another node has the value."""

Meta = dict[str, Any]


class FlightService:
    """Requests about flights, at one node; `handlers` by operation."""

    def __init__(self, store: NodeStore, standing: Standing, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._leads: dict[int, Lead] = {}
        teach(store.flights, store, standing)
        self.handlers = {
            "flight_begin": self._begin,
            "flight_look": self._look,
            "flight_end": self._end,
        }

    def _lead(self, meta: Meta) -> Lead:
        space = local_space(self._store, meta["space"])
        self._owner.term_of(partition_of(space.name, meta["key"]))
        lead = Lead(*entry_key(space.id, meta["key"]), None)
        lead.unusable = meta["unusable"]
        return lead

    def _begin(self, session: Session, meta: Meta, _buffers: Any) -> Answer:
        lead = self._lead(meta)
        found = self._store.flights.begin(lead, instead_of=meta["instead_of"])
        if isinstance(found, Lead):
            self._leads[lead.fence] = lead
            session.on_close(lambda: self._finish(lead.fence))
            return Answer({"lead": lead.fence})
        return Answer(_told(found))

    def _look(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        found = self._store.flights.look(self._lead(meta))
        if isinstance(found, Flight) and not self._store.flights.is_held(found):
            found = None
        return Answer(_told(found))

    def _end(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        self._finish(meta["number"])
        return Answer()

    def _finish(self, number: int) -> None:
        lead = self._leads.pop(number, None)
        if lead is not None:
            self._store.flights.end(lead)

    def fence(self, number: int | None) -> Callable[[WriteTxn], bool] | None:
        """Give what a commit asks, of the number that came with the value."""
        if number is None:
            return None
        lead = self._leads.get(number)
        return _never if lead is None else self._store.flights.fence(lead)


def _told(found: object) -> Meta:
    if isinstance(found, Present):
        return {"present": found.generation}
    if isinstance(found, Flight):
        return {"flight": found.fence}
    return {}


def _never(_txn: WriteTxn) -> bool:
    return False


def teach(flights: Flights, store: NodeStore, standing: Standing) -> None:
    """Have the flights of a store count as values what the grid does."""
    names: dict[int, str] = {}

    def shows(key: bytes, entry: Entry) -> bool:
        if entry.stamp.flags & (IMMUTABLE | TOMBSTONE):
            return bool(entry.stamp.flags & IMMUTABLE)
        number = key[0] << 8 | key[1]
        if number not in names:
            names.update({space.id: space.name for space in store.namespaces()})
        text = (entry.long_key or key[2:]).decode("utf-8", "surrogatepass")
        partition = partition_of(names.get(number, ""), text)
        return standing.serves(partition, entry.stamp.term)

    def elsewhere(txn: WriteTxn, lead: Lead) -> Present | None:
        known = directory.load(txn, lead.key)
        if known is None or not known.holders or lead.unusable >= HELD_ELSEWHERE:
            return None
        return Present(HELD_ELSEWHERE)

    flights.shows, flights.elsewhere = shows, elsewhere
