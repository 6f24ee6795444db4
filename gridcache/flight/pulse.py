"""Pulse: whether the process that a waiter waits for still moves.

Its housekeeper beats once a second, but cannot while a computation keeps the
interpreter's lock (a long sort, a large pickle). So an old heartbeat counts only
if the process is stopped or uses no processor time either. Where processor time
cannot be read (another pid namespace, no /proc) the heartbeat alone decides.
"""

import time

from gridcache.processes import stat_fields
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Flights

__all__ = ["Pulse"]

_STATE, _USER_TICKS, _SYSTEM_TICKS = 0, 11, 12
"""As `stat_fields` has them."""
_STOPPED = ("T", "t", "Z", "X")


class Pulse:
    """One waiter's fingers on the leader's wrist.

    Parameters
    ----------
    stale_s
        How long a process may be still, at least the time between two beats.
    """

    def __init__(self, stale_s: float) -> None:
        self._stale_s = stale_s
        self._seen: tuple[int, float, int] | None = None
        self._moved_s = 0.0

    def gone(self, flights: Flights, flight: Flight) -> bool:
        """True if the leader's process has not moved for `stale_s`."""
        now, beat_s = time.monotonic(), flights.heartbeat_s(flight)
        if now - beat_s <= self._stale_s:
            return False
        pid = flights.visible_pid(flight)
        ticks = _processor_ticks(pid) if pid else None
        if ticks is None:
            return True
        seen = flight.fence, beat_s, ticks
        if seen != self._seen:
            self._seen, self._moved_s = seen, now
        return now - self._moved_s > self._stale_s


def _processor_ticks(pid: int) -> int | None:
    """Processor time used so far by all threads; None if stopped or unknown."""
    fields = stat_fields(pid)
    if fields is None or fields[_STATE] in _STOPPED:
        return None
    return int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])
