"""Housekeeping: what a process does for the store once a second, beside its calls.

Embedded stores have no daemon; every process that has one open does a little: a
heartbeat, dead readers and clients, expired entries, pages of ended views,
counters. The thread is a daemon and holds the store weakly.
"""

import logging
import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gridcache.store.node_store import NodeStore

__all__ = ["Housekeeper"]

PERIOD_S = 1.0
_logger = logging.getLogger("gridcache")


class Housekeeper:
    """The thread of one store in this process."""

    def __init__(self, store: "NodeStore") -> None:
        self._store = weakref.ref(store)
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=_run,
            args=(self._store, self._stop),
            name="gridcache-housekeeper",
            daemon=True,
        )
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join()


def _run(store: "weakref.ref[NodeStore]", stop: threading.Event) -> None:
    while not stop.wait(PERIOD_S):
        alive = store()
        if alive is None:
            return
        try:
            alive.tidy()
        except Exception:
            # A stalled store, a full disk or index is told to the callers, not to a
            # background thread; without it nobody would reap. Next round again.
            _logger.debug("a round of housekeeping failed", exc_info=True)
        finally:
            del alive
