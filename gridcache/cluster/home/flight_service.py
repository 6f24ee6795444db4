"""Flights at a home: computations that other nodes lead for keys owned here.

A leader on another node is bound to its connection: when that ends, its flight
does. Its fence is a number, which it sends along with the value; it names the
member too, since the value may arrive at the key's next home. A fence holds only
under the term that its flight began under: what was written while another node
owned the key has left no trace in the table of flights here.
"""

from collections.abc import Callable
from typing import Any

from gridcache.cluster.home import directory
from gridcache.cluster.home.items import local_space
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Flights, Present
from gridcache.store.lead import Lead
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, TOMBSTONE, Entry, entry_key
from gridcache.store.transaction import WriteTxn

__all__ = ["HELD_ELSEWHERE", "FlightService", "teach", "within"]

HELD_ELSEWHERE = 1 << 62
"""In place of a generation: another node has the value."""

_MEMBER_AT = 64
"""Where in a flight's number, as others know it, the member's begins."""

Meta = dict[str, Any]


class FlightService:
    """Requests about flights, at one node; `handlers` by operation."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing
        self._leads: dict[int, tuple[Lead, int, int]] = {}
        """By number: also the partition and the term that it began under."""
        teach(store.flights, store, standing)
        self.handlers = {
            "flight_begin": self._begin,
            "flight_look": self._look,
            "flight_end": self._end,
        }

    def _lead(self, meta: Meta) -> tuple[Lead, int, int]:
        space = local_space(self._store, meta["space"])
        partition = partition_of(space.name, meta["key"])
        term = self._standing.owned_term(partition)
        lead = Lead(*entry_key(space.id, meta["key"]), None)
        lead.unusable = meta["unusable"]
        return lead, partition, term

    def _begin(self, session: Session, meta: Meta, _buffers: Any) -> Answer:
        about = lead, _, _ = self._lead(meta)
        instead_of = self._own(meta["instead_of"])
        found = self._store.flights.begin(lead, instead_of=instead_of)
        if isinstance(found, Lead):
            self._leads[lead.fence] = about
            session.on_close(lambda: self._finish(lead.fence))
            return Answer({"lead": self._named(lead.fence)})
        return Answer(self._told(found))

    def _look(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        found = self._store.flights.look(self._lead(meta)[0])
        if isinstance(found, Flight) and not self._store.flights.is_held(found):
            found = None
        return Answer(self._told(found))

    def _end(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        self._finish(self._own(meta["number"]))
        return Answer()

    def _finish(self, number: int) -> None:
        about = self._leads.pop(number, None)
        if about is not None:
            self._store.flights.end(about[0])

    def fence(self, number: int | None) -> Callable[[WriteTxn], bool] | None:
        """Give what a commit asks, of the number that came with the value."""
        if number is None:
            return None
        about = self._leads.get(self._own(number))
        if about is None:
            return _never
        lead, partition, term = about
        return within(self._standing, partition, term, self._store.flights.fence(lead))

    def _named(self, number: int) -> int:
        """Make a number of this store's flights one of the whole grid."""
        return self._standing.member << _MEMBER_AT | number

    def _own(self, number: int) -> int:
        """Make it one of this store's again; 0 for another member's."""
        member = number >> _MEMBER_AT
        return number & (1 << _MEMBER_AT) - 1 if member == self._standing.member else 0

    def _told(self, found: object) -> Meta:
        if isinstance(found, Present):
            return {"present": found.generation}
        if isinstance(found, Flight):
            return {"flight": self._named(found.fence)}
        return {}


def within(
    standing: Standing,
    partition: int,
    term: int,
    fence: Callable[[WriteTxn], bool],
) -> Callable[[WriteTxn], bool]:
    """Have a fence hold only as long as a partition has a term here."""
    return lambda txn: standing.term(partition) == term and fence(txn)


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
