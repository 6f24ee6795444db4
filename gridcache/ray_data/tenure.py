"""Tenure: what a write has stored stays while its driver lives, and no longer.

::

    write:NAME:WRITE    is there while the write goes on; its tasks look for it
    part:NAME:WRITE...  its parts, that live for a short while unless renewed

A thread of the driver renews both. A driver that is killed renews nothing: its parts
go by themselves. A task that outlives a write that has failed finds it ended, and
takes back what it stored.
"""

import atexit
import os
import threading
import weakref
from collections.abc import Iterable
from contextlib import suppress

from gridcache.cache import GridCache
from gridcache.errors import GridCacheError, KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, renew, twice
from gridcache.published.texts import parts_of

__all__ = ["TTL_S", "Tenure", "ended", "stands"]

TTL_S = 120.0
"""That parts outlive their driver."""
_BEATS = 3
"""Renewals in the time that parts live: one may be late."""
_PATIENCE_S = 10.0
"""That the end of the process waits for what was given up to be dropped."""


def stands(handle: Handle, name: str, write: str) -> bool:
    """True while a write goes on."""
    return _text(name, write) in handle.cache


def ended(cache: GridCache, name: str, writes: Iterable[str]) -> set[str]:
    """Those of the writes that do not go on."""
    texts = {_text(name, write): write for write in writes}
    there = cache.contains_many(texts)
    return {write for text, write in texts.items() if text not in there}


def _text(name: str, write: str) -> str:
    return f"write:{name}:{write}"


class Tenure:
    """Keeps what a write stores, from now on until `end`; not for tasks.

    One that is collected without it, or at the end of the process, was abandoned:
    what the write has stored is dropped.

    Parameters
    ----------
    write
        What the identities of its parts begin with.
    ttl_s
        How long parts stay that nobody renews.
    """

    def __init__(
        self, handle: Handle, name: str, write: str, *, ttl_s: float = TTL_S
    ) -> None:
        self._beat = _Beat(handle, name, write, ttl_s)
        self._beat.begin()
        self._give_up = weakref.finalize(self, self._beat.stop)
        # The end of the process waits until it is done; see `_Beat.leave`.
        self._give_up.atexit = False

    def settle(self) -> None:
        """Leave the time that the parts live to the caller from now on."""
        self._beat.settle()

    def end(self, *, drop: bool = False) -> None:
        """Let the write be over; returns when that is known. Idempotent.

        Parameters
        ----------
        drop
            Also drop what it has stored.
        """
        self._give_up.detach()
        self._beat.stop(drop=drop)
        self._beat.join()

    def __reduce__(self) -> tuple[object, ...]:
        message = "a tenure belongs to the process that began it"
        raise TypeError(message)


class _Beat:
    """The thread; knows nothing of its `Tenure`, which can so be collected."""

    def __init__(self, handle: Handle, name: str, write: str, ttl_s: float) -> None:
        self._handle, self._name, self._write = handle, name, write
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._settled = False
        self._drop = True
        self._stopped = threading.Event()
        self._thread = threading.Thread(
            target=self._run, name=f"gridcache-write-{name}", daemon=True
        )

    def begin(self) -> None:
        """Make it known that the write goes on."""
        self._put()
        self._thread.start()
        atexit.register(self.leave)

    def settle(self) -> None:
        """Renew no parts any more."""
        with self._lock:
            self._settled = True

    def stop(self, *, drop: bool = True) -> None:
        """Tell the thread; called by the collector, too, inside of anything."""
        self._drop = drop
        self._stopped.set()

    def join(self) -> None:
        """Wait until it has cleared up."""
        self._thread.join()

    def leave(self) -> None:
        """The process ends."""
        self.stop()
        self._thread.join(_PATIENCE_S)

    def _run(self) -> None:
        while not self._stopped.wait(self._ttl_s / _BEATS):
            # A store that is busy now is not at the next beat.
            with suppress(GridCacheError, OSError):
                self._renew()
        atexit.unregister(self.leave)
        with suppress(GridCacheError, OSError):
            self._clear_up()

    def _renew(self) -> None:
        try:
            self._handle.cache.touch(_text(self._name, self._write), self._ttl_s)
        except KeyNotFoundError:
            self._put()  # the node that had it was lost
        with self._lock:
            if not self._settled:
                renew(self._handle, self._parts(), Keeping(ttl_s=self._ttl_s))

    def _put(self) -> None:
        self._handle.cache.put(
            _text(self._name, self._write),
            os.getpid(),
            ttl=self._ttl_s,
            pin=True,
            **twice(self._handle),
        )

    def _clear_up(self) -> None:
        cache = self._handle.cache
        # First the sign: tasks that store after it take back what they stored.
        cache.delete_many([_text(self._name, self._write)])
        if self._drop:
            cache.delete_many(self._parts())

    def _parts(self) -> list[str]:
        return list(parts_of(self._handle.cache, self._name, self._write))
