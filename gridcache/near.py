"""Near cache: small immutable values of this process, already decoded.

It saves the copy and the decoding, never the look at the index: a value counts
only while the entry still has the generation it was decoded from. So it cannot
be stale. A value enters at its second get, since one-time reads would only push
the others out.
"""

from typing import Any, NamedTuple

from cachetools import LRUCache

__all__ = ["NearCache", "NearValue"]

_VALUE_MAX = 32 << 10
"""Bytes of the largest value kept."""
_SEEN_MAX = 8192


class NearValue(NamedTuple):
    """A value and the generation it was read at."""

    generation: int
    value: Any
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
        self._seen: set[bytes] = set()
        self.get = self._values.get

    def offer(self, key: bytes, generation: int, value: Any, nbytes: int) -> None:
        """Keep an immutable value, if it was asked for before and is small."""
        if nbytes > min(_VALUE_MAX, self._values.maxsize):
            return
        if key not in self._seen:
            if len(self._seen) >= _SEEN_MAX:
                self._seen.clear()
            self._seen.add(key)
            return
        try:
            self._values[key] = NearValue(generation, value, nbytes)
        except (KeyError, ValueError):  # two threads evicting: keeping is optional
            self._values.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._seen.clear()


def _size(kept: NearValue) -> int:
    return kept.nbytes + 128
