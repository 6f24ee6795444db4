"""A store that is full, and new keys for it without end.

Shared by the figures of `eviction`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from random import Random

from gridcache.bench.run import Run
from gridcache.cache import GridCache

__all__ = ["FullStore", "full_store", "new_keys"]

_NBYTES = 1024
_OVERFILL = 1.5


@dataclass(frozen=True, slots=True)
class FullStore:
    """Where every put evicts."""

    cache: GridCache
    keys: Iterator[str]
    """New ones."""
    value: bytes = field(repr=False)


def new_keys() -> Iterator[str]:
    """Keys never used before, in no order."""
    rng = Random(40)  # noqa: S311 - keys need no secrecy
    return (f"{number:08d}:{rng.getrandbits(32):08x}"[::-1] for number in count())


def full_store(run: Run) -> FullStore:
    """Fill one, once for the run, until it has evicted for a while."""
    found: FullStore = run.shared("full store", _fill)
    return found


def _fill(run: Run) -> FullStore:
    capacity = run.scale.full_capacity
    cache = run.cache("full", capacity, compression=None)
    value = Random(41).randbytes(_NBYTES)  # noqa: S311
    keys = new_keys()
    for key in islice(keys, int(capacity * _OVERFILL) // _NBYTES):
        cache.put(key, value)
    return FullStore(cache, keys, value)
