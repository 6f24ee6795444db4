"""The stores filled with 1 KiB values under the same keys: ours and the rivals.

Shared by the figures of `latency` that get and put small values.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from gridcache.bench.result import Absent
from gridcache.bench.rivals import SmallStore
from gridcache.bench.run import Run
from gridcache.cache import GridCache

__all__ = ["VALUE_NBYTES", "SmallValues", "filled_stores", "values_of"]

VALUE_NBYTES = 1024
_CAPACITY_PER_KEY = 2048
_LEAST_CAPACITY = 64 << 20
_FAST = ("redis", "memcached", "diskcache", "lmdb")
_SEED = 20


@dataclass(frozen=True, slots=True)
class SmallValues:
    """Keys in random order, and who holds them."""

    keys: list[str]
    stores: dict[str, SmallStore]
    absent: dict[str, Absent]

    def keys_of(self, number: int, count: int) -> list[str]:
        """Return the keys of a round: others than in the rounds before, if there are enough."""
        start = number * count
        return [self.keys[i % len(self.keys)] for i in range(start, start + count)]


class _Grid:
    """A `GridCache` as its users call it."""

    def __init__(self, cache: GridCache) -> None:
        self._cache = cache
        self.get: Callable[[Any], object] = cache.get
        self.put: Callable[[Any, bytes], object] = cache.put

    def key(self, text: str) -> str:
        return text

    def fill(self, items: Mapping[str, bytes]) -> None:
        self._cache.put_many(items)

    def close(self) -> None:
        self._cache.close()


def values_of(keys: list[str]) -> dict[str, bytes]:
    """A different incompressible value of 1 KiB for every key."""
    rng = Random(_SEED)  # noqa: S311 - values need no secrecy
    base = rng.randbytes(VALUE_NBYTES)
    return {key: key.encode().ljust(32) + base[32:] for key in keys}


def filled_stores(run: Run) -> SmallValues:
    """Fill all of them, once for the run."""
    found: SmallValues = run.shared("small values", _fill)
    return found


def _fill(run: Run) -> SmallValues:
    keys = [f"user:{number:08d}" for number in range(run.scale.small_keys)]
    values = values_of(keys)
    capacity = max(len(keys) * _CAPACITY_PER_KEY, _LEAST_CAPACITY)
    stores: dict[str, SmallStore] = {"gridcache": _Grid(run.cache("small", capacity))}
    absent: dict[str, Absent] = {}
    makers: dict[str, Callable[[], Any]] = {
        **{name: partial(run.rivals.open, name) for name in _FAST},
        "ray actor": partial(_actor, run),
    }
    for name, make in makers.items():
        store = make()
        if isinstance(store, Absent):
            absent[name] = store
        else:
            stores[name] = store
    for store in stores.values():
        store.fill(values)
    Random(_SEED).shuffle(keys)  # noqa: S311
    return SmallValues(keys, stores, absent)


def _actor(run: Run) -> Any:
    ray = run.rivals.open("ray")
    return ray if isinstance(ray, Absent) else ray.actor_dict()
