"""FarFlights: single flight over the grid, as one process takes part in it.

Speaks as `gridcache.store.flights.Flights` does, key by key: to this node's store
where it is the key's home, else to the home's node. A flight that is led from here
holds a connection to the home; when this process dies the connection ends, and
another call leads.
"""

import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from gridcache.cluster.home.flight_service import within
from gridcache.cluster.home.items import space_meta
from gridcache.cluster.home.moved import MOVED
from gridcache.cluster.streams.wire import Meta
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import Member
from gridcache.errors import GridCacheError, PeerLostError, StoreStalledError
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Circular, Flights, Present
from gridcache.store.lead import Lead
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.transaction import WriteTxn

if TYPE_CHECKING:
    from gridcache.cluster.client.local import Local
    from gridcache.cluster.streams.peers import Line

__all__ = ["FarFence", "FarFlights", "is_near_fence"]

_FAR_ROW = -1
"""In a flight's record: it is held at another node."""
_PATIENCE_S = 5.0
"""How long a home that does not answer is waited for; then one computes alone."""


class FarFence:
    """The fence of a flight at another node, by number."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __call__(self, _txn: WriteTxn) -> bool:
        """Refuse: the home has moved here, and with it went the flight."""
        return False


def is_near_fence(fence: object) -> bool:
    """True for a fence that only this node's store can ask."""
    return fence is not None and not isinstance(fence, FarFence)


class FarFlights(Flights):
    """The flights of a grid."""

    def __init__(self, store: NodeStore, local: "Local") -> None:
        self._near = store.flights
        self._store = store
        self._part = local
        self._lines: dict[Lead, Line] = {}
        self._led: weakref.WeakValueDictionary[int, Lead] = (
            weakref.WeakValueDictionary()
        )
        self._waiting: weakref.WeakKeyDictionary[Lead, float] = (
            weakref.WeakKeyDictionary()
        )
        self._spaces: dict[int, Namespace] = {}
        self._terms: weakref.WeakKeyDictionary[Lead, tuple[int, int]] = (
            weakref.WeakKeyDictionary()
        )
        """Partition, and the term that a flight of this node began under."""

    # -- where -------------------------------------------------------------

    def _named(self, lead: Lead) -> tuple[Namespace, str]:
        number = lead.key[0] << 8 | lead.key[1]
        if number not in self._spaces:
            self._spaces = {space.id: space for space in self._store.namespaces()}
        text = (lead.long_key or lead.key[2:]).decode("utf-8", "surrogatepass")
        return self._spaces[number], text

    def _term(self, lead: Lead) -> tuple[int, int]:
        space, text = self._named(lead)
        partition = partition_of(space.name, text)
        return partition, self._part.standing.term(partition)

    def _home(self, lead: Lead) -> tuple[Member | None, Meta]:
        space, text = self._named(lead)
        _, _, owner = self._part.owner_of(space.name, text)
        meta = {"space": space_meta(space), "key": text, "unusable": lead.unusable}
        return owner, meta | {"to": owner.number if owner is not None else 0}

    # -- the interface of flights ------------------------------------------

    def begin(
        self, lead: Lead, *, instead_of: int = 0
    ) -> Lead | Present | Flight | Circular:
        """Lead, or learn why not."""
        owner, meta = self._home(lead)
        if self._part.is_here(owner):
            self._terms[lead] = self._term(lead)
            return self._near.begin(lead, instead_of=instead_of)
        try:
            told = self._ask(lead, owner, "flight_begin", meta, instead_of)
        except PeerLostError:
            told = MOVED
        if told.get("moved"):
            return self._nobody(lead)
        self._waiting.pop(lead, None)
        if "lead" in told:
            lead.fence = told["lead"]
            self._led[lead.fence] = lead
            return lead
        self._drop_line(lead)
        return _found(told) or self._nobody(lead)

    def _ask(
        self, lead: Lead, owner: Member | None, op: str, meta: Meta, instead_of: int
    ) -> Meta:
        if owner is None:
            return MOVED
        self._drop_line(lead)
        line = self._lines[lead] = self._part.peers.line(owner.address)
        return line.call(op, {**meta, "instead_of": instead_of}).meta

    def _nobody(self, lead: Lead) -> Flight:
        """Stands for a home that is not to be had now; looked at again soon."""
        since = self._waiting.setdefault(lead, time.monotonic())
        if time.monotonic() - since > _PATIENCE_S:
            message = "the key's home does not answer; the value is computed here"
            raise StoreStalledError(message)
        return Flight(0, 0, 0, _FAR_ROW)

    def look(self, lead: Lead) -> Present | Flight | None:
        """What a waiter finds."""
        owner, meta = self._home(lead)
        if self._part.is_here(owner):
            return self._near.look(lead)
        if owner is None:
            return None
        try:
            answer = self._part.peers.call(owner.address, "flight_look", meta)
        except GridCacheError:
            return None
        return _found(answer.meta)

    def is_held(self, record: Any) -> bool:
        """True while the flight goes on; its home knows."""
        return record.row == _FAR_ROW or self._near.is_held(record)

    def heartbeat_s(self, flight: Flight) -> float:
        """When the leader last moved."""
        if flight.row == _FAR_ROW:
            return time.monotonic()
        return self._near.heartbeat_s(flight)

    def visible_pid(self, flight: Flight) -> int:
        """Pid of the leader's process, if it is one of this machine's."""
        return 0 if flight.row == _FAR_ROW else self._near.visible_pid(flight)

    def local(self, flight: Flight) -> Lead | None:
        """The lead, if a call of this process has it."""
        if flight.row == _FAR_ROW:
            return self._led.get(flight.fence)
        return self._near.local(flight)

    def fence(self, lead: Lead) -> Callable[[WriteTxn], bool]:
        """What travels with the value and is asked at the home."""
        if lead in self._lines:
            return FarFence(lead.fence)
        near = self._near.fence(lead)
        if lead not in self._terms:
            return near
        return within(self._part.standing, *self._terms[lead], near)

    def end(self, lead: Lead) -> None:
        """Let the flight go and wake its waiters; never raises."""
        if lead not in self._lines:
            self._near.end(lead)
            return
        if lead.is_ours and lead.fence:
            with suppress(GridCacheError):
                self._lines[lead].call("flight_end", {"number": lead.fence})
        self._drop_line(lead)
        self._led.pop(lead.fence, None)
        lead.finish()

    def _drop_line(self, lead: Lead) -> None:
        line = self._lines.pop(lead, None)
        if line is not None:
            line.close()


def _found(told: Meta) -> Present | Flight | None:
    if "present" in told:
        return Present(told["present"])
    if "flight" in told:
        return Flight(told["flight"], 0, 0, _FAR_ROW)
    return None
