"""Near cache: small immutable values of this process, already decoded.

It saves the copy and the decoding, never the look at the index: a value counts
only while the entry still has the generation it was decoded from. So it cannot
be stale. A value enters at its second get, since one-time reads would only push
the others out.

A thread that finds another one inside does without: keeping is optional, and
nobody ever waits here, not a finaliser nor a child forked at the wrong moment.
"""

import os
import weakref
from threading import Lock
from typing import NamedTuple

from cachetools import LRUCache

__all__ = ["NearCache", "NearValue"]

_VALUE_MAX = 32 << 10
"""Bytes of the largest value kept."""
_SEEN_MAX = 8192


class NearValue(NamedTuple):
    """A value and the generation it was read at."""

    generation: int
    value: object
    nbytes: int


class NearCache:
    """Values by entry key, least recently used out first.

    Parameters
    ----------
    nbytes
        Bound on the encoded sizes of what is kept; 0 for none.
    """

    def __init__(self, nbytes: int) -> None:
        self._values: LRUCache[bytes, NearValue] = LRUCache(nbytes, getsizeof=_size)
        self._value_max = min(_VALUE_MAX, nbytes - _size(NearValue(0, None, 0)))
        self._seen: set[bytes] = set()
        self._lock = Lock()
        _caches.add(self)

    @property
    def nbytes(self) -> int:
        """What is kept, with a share for each value's record."""
        return int(self._values.currsize)

    def get(self, key: bytes) -> NearValue | None:
        """What is kept under an entry key; the caller compares the generation."""
        if key not in self._values or not self._lock.acquire(blocking=False):
            return None
        try:
            return self._values.get(key)
        finally:
            self._lock.release()

    def offer(self, key: bytes, kept: NearValue) -> None:
        """Keep an immutable value, if it was asked for before and is small."""
        if kept.nbytes > self._value_max:
            return
        if key not in self._seen:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen.add(key)
        elif self._lock.acquire(blocking=False):
            try:
                self._values[key] = kept
            except KeyError:  # Ctrl-C had left its books half done
                self._values.clear()
            finally:
                self._lock.release()

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._values.clear()
            self._seen.clear()

    def after_fork(self) -> None:
        """Start anew: a thread that the child does not have may have been inside."""
        self._lock = Lock()
        self.clear()


def _size(kept: NearValue) -> int:
    return kept.nbytes + 128


def _after_fork() -> None:
    for cache in list(_caches):
        cache.after_fork()


_caches: "weakref.WeakSet[NearCache]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork)
