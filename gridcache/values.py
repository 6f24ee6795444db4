"""Values: what one namespace holds, as values of this process.

Joins the codec, the store and the near cache. The facade (`gridcache.cache`) and the
single flight (`gridcache.compute`) both read and write through it.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from gridcache.codec import decode, encode
from gridcache.errors import (
    ClosedError,
    ConfigError,
    CorruptFramesError,
    KeyNotFoundError,
)
from gridcache.near import NearCache, near_value
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss, MissReason
from gridcache.store.records import entry_key
from gridcache.store.writer import Order
from gridcache.units import parse_duration

__all__ = ["Closed", "Values", "cost_seconds", "tag_names", "ttl_seconds"]

_LONGEST_S = 1000 * 365.25 * 86400


class Values:
    """The values of one namespace.

    Parameters
    ----------
    near_nbytes
        Bound of the near cache.
    """

    def __init__(
        self,
        store: NodeStore,
        space: Namespace,
        *,
        allow_pickle: bool,
        near_nbytes: int,
    ) -> None:
        self.store = store
        self.space = space
        self.near = NearCache(near_nbytes)
        self._allow_pickle = allow_pickle

    def fetch(self, text: str, *, copy: bool = False, count: bool = True) -> Any:
        """The value under a key's text, or the `Miss`."""
        near = self.near.get(text)
        if near is not None and self.store.is_current(near.entry, near.generation):
            return near.value if near.make is None else near.make(near.value)
        key, long_key = entry_key(self.space.id, text)
        hit = self.store.get(key, long_key, view=not copy, count=count)
        if type(hit) is not Hit:
            return hit
        try:
            value = decode(
                hit.header, hit.body, allow_pickle=self._allow_pickle, copy=copy
            )
        except CorruptFramesError:
            self.store.forget_corrupt(self.space, text, hit.generation)
            return Miss(MissReason.CORRUPT)
        if not hit.leased:
            nbytes = len(hit.header) + hit.body.nbytes + len(long_key)
            near = near_value(key, hit.generation, value, nbytes)
            if near is not None:
                self.near.offer(text, near)
        return value

    def put(self, text: str, value: Any, **how: Any) -> int | None:
        """Store a value; `how` as for `Order`. Returns what `NodeStore.put` does."""
        frames = encode(
            value,
            compress=self.space.compression == "lz4",
            allow_pickle=self._allow_pickle,
        )
        return self.store.put(Order(self.space, text, frames, **how))

    def has(self, text: str) -> bool:
        """True if there is a value; counts as no look-up."""
        return not isinstance(self.store.find(self.space, text), Miss)

    def not_found(self, text: str, miss: Miss | None = None) -> KeyNotFoundError:
        """The error for a key without a value."""
        found = miss or self.store.find(self.space, text)
        # Somebody may have put it since: what the caller met is a miss all the same.
        reason = found.reason if isinstance(found, Miss) else MissReason.NEVER_STORED
        message = f"{text!r} is not in cache {self.space.name!r}: {reason}"
        return KeyNotFoundError(message, key=text, reason=str(reason))


class Closed:
    """Stands for the values of a cache that was closed."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, _: str) -> Any:
        message = f"cache {self._name!r} is closed; make a new GridCache"
        raise ClosedError(message, name=self._name)


def ttl_seconds(ttl: float | str | timedelta | None) -> float | None:
    """Read a time to live; None for the namespace's."""
    if ttl is None:
        return None
    seconds = parse_duration(ttl)
    if not 0 < seconds <= _LONGEST_S:
        message = f"a ttl is above 0 and at most a thousand years, not {ttl!r}"
        raise ConfigError(message, ttl=ttl)
    return seconds


def cost_seconds(cost: float | str | timedelta) -> float:
    """Read what a value cost to compute."""
    seconds = parse_duration(cost)
    if seconds > _LONGEST_S:
        message = f"a cost is at most a thousand years, not {cost!r}"
        raise ConfigError(message, cost=cost)
    return seconds


def tag_names(tags: Iterable[Any]) -> tuple[str, ...]:
    """Read the names of groups; one text is one name."""
    if not tags:
        return ()
    names = (tags,) if isinstance(tags, str) else tuple(dict.fromkeys(tags))
    for name in names:
        if not isinstance(name, str) or not name:
            message = f"a tag is a text, not {name!r}"
            raise ConfigError(message, tag=name)
    return names
