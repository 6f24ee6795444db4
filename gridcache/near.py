"""Near cache: small immutable values of this process, already decoded.

It saves the copy and the decoding, never the look at the index: a value counts
only while the entry still has the generation it was decoded from. So it cannot
be stale. A value enters at its second get, since one-time reads would only push
the others out.

Kept is what nobody can change, and nothing else. A dict or list of such values is
kept as a tuple of its parts, of which every get makes a new one.

A thread that finds another one inside does without: keeping is optional, and
nobody ever waits here, not a finaliser nor a child forked at the wrong moment.
"""

import os
import weakref
from collections.abc import Callable, Hashable, Iterable
from threading import Lock
from typing import Any, NamedTuple

from cachetools import LRUCache

from gridcache.codec import is_immutable

__all__ = ["NearCache", "NearValue", "near_value"]

_VALUE_MAX = 32 << 10
"""Bytes of the largest value kept."""
_SEEN_MAX = 8192
_PART_NBYTES = 64
"""What a part of a container takes beside its content."""


class NearValue(NamedTuple):
    """A value and the generation it was read at."""

    generation: int
    value: Any
    nbytes: int
    entry: bytes = b""
    """The entry key."""
    make: Callable[[Iterable[Any]], Any] | None = None
    """`dict` or `list` if the value is the tuple of its parts."""
    under: tuple[int, int] | None = None
    """In a grid: partition and term that must be this node's for it to count."""


def near_value(
    entry: bytes,
    generation: int,
    value: Any,
    nbytes: int,
    under: tuple[int, int] | None = None,
) -> NearValue | None:
    """Give the form in which a value may be kept; None if it may not.

    Parameters
    ----------
    entry
        The entry key.
    nbytes
        What the value takes encoded, and its key if it is long.
    under
        As in `NearValue`.
    """
    if nbytes > _VALUE_MAX:
        return None
    kind = type(value)
    if kind is not dict and kind is not list:
        kept = NearValue(generation, value, nbytes, entry, None, under)
        return kept if is_immutable(value) else None
    parts = tuple(value.items() if kind is dict else value)
    taken = nbytes + len(parts) * _PART_NBYTES
    kept = NearValue(generation, parts, taken, entry, kind, under)
    return kept if is_immutable(parts) else None


class NearCache:
    """Values by key, least recently used out first.

    A hit is one look into a dict. It is only noted; the order is brought up to date
    before something has to go.

    Parameters
    ----------
    nbytes
        Bound on the encoded sizes of what is kept; 0 for none.
    """

    def __init__(self, nbytes: int) -> None:
        self._nbytes = nbytes
        self._value_max = min(_VALUE_MAX, nbytes - _size(NearValue(0, None, 0)))
        self._lock = Lock()
        self._start()
        _caches.add(self)

    def _start(self) -> None:
        self._values = _Values(self._nbytes, getsizeof=_size)
        self._used: dict[Hashable, None] = {}
        self._seen: set[int] = set()
        """Hashes: keys may be long, and taking one for another does no harm."""

    @property
    def nbytes(self) -> int:
        """What is kept, with a share for each value's record."""
        return int(self._values.currsize)

    def get(self, key: Hashable) -> NearValue | None:
        """What is kept under a key; the caller compares the generation."""
        kept = self._values.plain.get(key)
        if kept is not None:
            self._used[key] = None
        return kept

    def offer(self, key: Hashable, kept: NearValue) -> None:
        """Keep an immutable value, if it was asked for before and is small."""
        if kept.nbytes > self._value_max:
            return
        if hash(key) not in self._seen:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen.add(hash(key))
        elif self._lock.acquire(blocking=False):
            try:
                self._note_uses()
                self._values[key] = kept
            except KeyError:  # Ctrl-C had left its books half done
                self._start()
            finally:
                self._lock.release()

    def _note_uses(self) -> None:
        """Bring the order up to date. Must hold the lock."""
        used, self._used = self._used, {}
        # A list of its own: a get under way may still write into `used`.
        for key in list(used):
            self._values.get(key)

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._start()

    def after_fork(self) -> None:
        """Start anew: a thread that the child does not have may have been inside."""
        self._lock = Lock()
        self._start()


class _Values(LRUCache[Hashable, NearValue]):
    """The same values in a plain dict, too, which any thread may read."""

    def __init__(self, nbytes: int, getsizeof: Callable[[NearValue], int]) -> None:
        super().__init__(nbytes, getsizeof)
        self.plain: dict[Hashable, NearValue] = {}

    def __setitem__(self, key: Hashable, kept: NearValue) -> None:
        super().__setitem__(key, kept)
        self.plain[key] = kept

    def __delitem__(self, key: Hashable) -> None:
        self.plain.pop(key, None)
        super().__delitem__(key)


def _size(kept: NearValue) -> int:
    return kept.nbytes + 128


def _after_fork() -> None:
    for cache in list(_caches):
        cache.after_fork()


_caches: "weakref.WeakSet[NearCache]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork)
