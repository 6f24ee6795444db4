"""Attempt: one call's way to a value, as steps without any waiting.

The same for threads and for asyncio, which differ only in how they pause. Ends in
`Go` (compute), or in `Present` (read the value; if that fails, step on).
"""

import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Self

from gridcache.errors import OutOfSpaceError, StoreStalledError
from gridcache.flight.pulse import Pulse
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Circular, Flights, Present
from gridcache.store.lead import Lead
from gridcache.store.transaction import WriteTxn

__all__ = ["STALE_S", "Attempt", "Fence", "Go", "Pause"]

Fence = Callable[[WriteTxn], bool]
"""Asked inside the commit of a put; False drops the put."""

STALE_S = 3.0
"""A leader whose process has not moved for so long loses its fence; three beats."""
_CROSS_STORE_S = 30.0
_FIRST_PAUSE_S = 0.5e-3
_LONGEST_PAUSE_S = 10e-3
_LOCAL_PAUSE_S = 0.25
"""The leader is in this process and wakes us; we look only for takeovers."""


@dataclass(frozen=True, slots=True)
class Go:
    """Compute now."""

    fence: Fence | None
    """For the put; None to put without."""
    lead: Lead | None
    """None if the flight is somebody else's, or there is none."""


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait, then step again."""

    seconds: float
    leader: Lead | None
    """If it is in this process: it wakes its waiters."""


@dataclass(frozen=True, slots=True)
class _Frame:
    """A computation that this call chain is inside of."""

    flights: Flights
    lead: "weakref.ref[Lead]"
    """Weak: a frame that an interruption left in the context holds no flight."""
    outer: "_Frame | None"


_chain: ContextVar[_Frame | None] = ContextVar("gridcache-flights", default=None)


class Attempt:
    """A context manager: leaving it ends what it began, however it is left."""

    def __init__(
        self, flights: Flights, key: tuple[bytes, bytes], stale_s: float
    ) -> None:
        self._flights = flights
        self._pulse = Pulse(stale_s)
        chain = list(_live_chain())
        here = [lead for where, lead in chain if where is flights]
        self._recursive = any(lead.key == key[0] for lead in here)
        crosses = len(here) < len(chain)
        self._deadline = time.monotonic() + _CROSS_STORE_S if crosses else None
        self._lead = Lead(*key, here[0] if here else None)
        self._following: Flight | None = None
        self._pause_s = _FIRST_PAUSE_S

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._flights.end(self._lead)

    def step(self) -> Go | Present | Pause:
        """What to do next."""
        if self._recursive:
            return Go(_never, None)
        try:
            return self._follow() if self._following else self._begin(0)
        except (StoreStalledError, OutOfSpaceError):
            return Go(None, None)

    def cannot_use(self, present: Present) -> None:
        """The value is gone or unreadable: compute, unless there is a newer one."""
        self._lead.unusable = present.generation

    def _begin(self, instead_of: int) -> Go | Present | Pause:
        found = self._flights.begin(self._lead, instead_of=instead_of)
        if isinstance(found, Lead):
            return Go(self._flights.fence(found), found)
        if isinstance(found, Circular):
            return Go(_never, None)
        if isinstance(found, Flight):
            self._following = found
            return self._pause(found)
        return found

    def _follow(self) -> Go | Present | Pause:
        found = self._flights.look(self._lead)
        if isinstance(found, Present):
            return found
        if found is None or not self._flights.is_held(found):
            return self._begin(0)
        if self._pulse.gone(self._flights, found):
            return self._begin(found.fence)
        if self._deadline is not None and time.monotonic() > self._deadline:
            return Go(_never, None)
        return self._pause(found)

    def _pause(self, flight: Flight) -> Pause:
        leader = self._flights.local(flight)
        if leader is not None:
            return Pause(_LOCAL_PAUSE_S, leader)
        pause_s = self._pause_s
        self._pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
        return Pause(pause_s, None)

    @contextmanager
    def computing(self, go: Go) -> Iterator[None]:
        """Be inside the flight, for the calls that the computation makes."""
        if go.lead is None:
            yield
            return
        token = _chain.set(_Frame(self._flights, weakref.ref(go.lead), _chain.get()))
        try:
            yield
        finally:
            # A coroutine that is collected is closed in somebody else's context.
            with suppress(ValueError):
                _chain.reset(token)


def _live_chain() -> Iterator[tuple[Flights, Lead]]:
    """The computations around this call, innermost first.

    Whatever an interruption left on top of them is dropped.
    """
    top = frame = _chain.get()
    live = False
    while frame is not None:
        lead = frame.lead()
        if lead is not None and not lead.finished:
            live = True
            yield frame.flights, lead
        frame = frame.outer
        if not live:
            top = frame
    if top is not _chain.get():
        _chain.set(top)


def _never(_: WriteTxn) -> bool:
    return False
