"""Block attendance: which pools of other nodes' clients are spoken for here.

A pool whose last connection is gone has a moment to come back; then its blocks
are freed.
"""

import logging
import threading
from collections.abc import Callable

from gridcache.cluster.streams.session import Session
from gridcache.errors import GridCacheError

__all__ = ["Attendance"]

_logger = logging.getLogger("gridcache")


class Attendance:
    """Pools by the sessions that speak for them.

    Parameters
    ----------
    reap
        Frees a pool's blocks; returns how many.
    grace_s
        For a lost connection to be replaced.
    """

    def __init__(self, reap: Callable[[str], int], grace_s: float) -> None:
        self._reap = reap
        self._grace_s = grace_s
        self._lock = threading.Lock()
        self._sessions: dict[str, set[Session]] = {}
        self._timers: dict[str, threading.Timer] = {}
        self._is_closed = False

    def meet(self, pool: str, session: Session) -> None:
        """A session says that a pool lives."""
        with self._lock:
            timer = self._timers.pop(pool, None)
            sessions = self._sessions.setdefault(pool, set())
            is_new = session not in sessions
            sessions.add(session)
        if timer is not None:
            timer.cancel()
        if is_new:
            session.on_close(lambda: self._lose(pool, session))

    def knows(self, pool: str) -> bool:
        """True if a session speaks for a pool, or did a moment ago."""
        with self._lock:
            return pool in self._sessions or pool in self._timers

    def _lose(self, pool: str, session: Session) -> None:
        with self._lock:
            sessions = self._sessions.get(pool, set())
            sessions.discard(session)
            if sessions:
                return
            self._sessions.pop(pool, None)
        self.expect(pool, self._grace_s)

    def expect(self, pool: str, within_s: float) -> None:
        """Free a pool unless it is met in time."""
        timer = threading.Timer(within_s, self._give_up, (pool,))
        timer.daemon = True
        with self._lock:
            if self._is_closed or pool in self._timers:
                return
            self._timers[pool] = timer
        timer.start()

    def _give_up(self, pool: str) -> None:
        with self._lock:
            if self._is_closed or self._timers.pop(pool, None) is None:
                return
        try:
            freed = self._reap(pool)
        except GridCacheError as error:  # the next service frees them
            _logger.warning("the blocks of pool %s stay for now: %s", pool, error)
        else:
            _logger.info("freed %d blocks of pool %s, which is gone", freed, pool)

    def close(self) -> None:
        """Stop waiting."""
        with self._lock:
            self._is_closed = True
            timers = list(self._timers.values())
            self._timers.clear()
        for timer in timers:
            timer.cancel()
