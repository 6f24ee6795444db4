"""Values: what one namespace holds, as values of this process.

Joins the codec, the store and the near cache. The facade (`gridcache.cache`) and the
single flight (`gridcache.compute`) read and write through it and nothing else: a
grid's values (`gridcache.cluster.client.grid_values`) stand in its place.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, NamedTuple

from gridcache.codec import decode, encode
from gridcache.codec.frames import Frames
from gridcache.errors import (
    ClosedError,
    ConfigError,
    CorruptFramesError,
    KeyNotFoundError,
)
from gridcache.flight import SingleFlight
from gridcache.near import NearCache, near_value
from gridcache.prefetch import Prefetch
from gridcache.stats import CacheStats
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import (
    CheckReport,
    EntryInfo,
    Explanation,
    Hit,
    Miss,
    MissReason,
)
from gridcache.store.records import IMMUTABLE, PLAIN, Stamp, entry_key
from gridcache.store.writer import Order
from gridcache.units import parse_duration

__all__ = [
    "Closed",
    "Place",
    "Values",
    "cost_seconds",
    "placed",
    "tag_names",
    "ttl_seconds",
]

_LONGEST_S = 1000 * 365.25 * 86400
_IMMUTABLE = Stamp(flags=IMMUTABLE)


_HERE = ("auto", "local")


class Place(NamedTuple):
    """Where in a grid a value is wanted."""

    replicas: int = 0
    """0: as many as the grid's file says."""
    node: Any = "auto"
    """ "auto", "local", a node's name, or labels it must have."""


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
        self.flight = SingleFlight(store.flights)
        self.allow_pickle = allow_pickle

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self.store.directory

    # -- one key -----------------------------------------------------------

    def fetch(self, text: str, *, copy: bool = False, count: bool = True) -> Any:
        """The value under a key's text, or the `Miss`."""
        near = self.near.get(text)
        if near is not None and self.store.is_current(near.entry, near.generation):
            return near.value if near.make is None else near.make(near.value)
        key, long_key = entry_key(self.space.id, text)
        hit = self.store.get(key, long_key, view=not copy, count=count)
        return hit if type(hit) is not Hit else self._decoded(text, key, hit, copy=copy)

    def _decoded(
        self,
        text: str,
        key: bytes,
        hit: Hit,
        *,
        copy: bool,
        keep: bool = True,
        under: tuple[int, int] | None = None,
    ) -> Any:
        """The value of a hit in the store; a `Miss` if its bytes are damaged.

        Parameters
        ----------
        keep, under
            Whether the near cache may keep it, and under what.
        """
        try:
            value = decode(
                hit.header,
                hit.body,
                allow_pickle=self.allow_pickle,
                copy=copy,
                own=copy and not (hit.leased or hit.body.readonly),
            )
        except CorruptFramesError:
            self.store.forget_corrupt(self.space, text, hit.generation)
            return Miss(MissReason.CORRUPT)
        if keep and not hit.leased:
            nbytes = len(hit.header) + hit.body.nbytes + len(text)
            near = near_value(key, hit.generation, value, nbytes, under)
            if near is not None:
                self.near.offer(text, near)
        return value

    def fetch_kept(self, text: str, *, copy: bool) -> Any:
        """The value that was just put, as a later hit gives it."""
        return self.fetch(text, copy=copy, count=False)

    def fetch_many(self, texts: list[str], *, copy: bool = False) -> list[Any]:
        """Values or misses, in the order of the texts."""
        return [self.fetch(text, copy=copy) for text in texts]

    def prefetch(self, texts: list[str]) -> Prefetch:
        """Say what is here; a single store brings nothing."""
        prefetch = Prefetch(len(texts))
        here = sum(self.has(text) for text in texts)
        prefetch.note(here=here, absent=len(texts) - here)
        prefetch.end()
        return prefetch

    def put(
        self,
        text: str,
        value: Any,
        *,
        immutable: bool = False,
        place: Place | None = None,
        compress: bool = False,
        **how: Any,
    ) -> int | None:
        """Store a value; `how` as for `Order`. Returns what `NodeStore.put` does."""
        if place is not None and (place.replicas > 1 or place.node not in _HERE):
            message = "replicas= and node= need a grid; start one: grid up"
            raise ConfigError(message, **place._asdict())
        frames = self.encoded(value, compress=compress)
        stamp = _IMMUTABLE if immutable else PLAIN
        return self.store.put(Order(self.space, text, frames, stamp=stamp, **how))

    def encoded(self, value: Any, *, compress: bool = False) -> Frames:
        """Encode a value as this namespace keeps it, or compressed all the same."""
        return encode(
            value,
            compress=compress or self.space.compression == "lz4",
            allow_pickle=self.allow_pickle,
        )

    def put_many(self, items: Iterable[tuple[str, Any]], **how: Any) -> None:
        """Store several, in order; stops at the first that cannot be stored."""
        with self.batch():
            for text, value in items:
                self.put(text, value, **how)

    def has(self, text: str) -> bool:
        """True if there is a value; counts as no look-up."""
        return not isinstance(self.find(text), Miss)

    def has_many(self, texts: list[str]) -> list[bool]:
        """Whether there is a value, in the order of the texts."""
        found = self.store.find_many(self.space, texts)
        return [entry is not None for entry in found]

    def find(self, text: str) -> object:
        """The entry of a key, or the `Miss`; counts as no look-up."""
        return self.store.find(self.space, text)

    def change(self, text: str, **changes: Any) -> bool:
        """Pin, unpin or renew; False if the key is not there."""
        return self.store.change(self.space, text, **changes)

    # -- many keys ---------------------------------------------------------

    def delete(self, texts: list[str]) -> int:
        """Delete keys; returns how many were there."""
        with self.batch():
            return self.store.delete(self.space, texts)

    def clear(self, tag: str | None) -> int:
        """Delete everything, or what has a tag."""
        with self.batch():
            return self.store.clear(self.space, tag)

    def keys(self, prefix: str) -> Iterator[str]:
        """Text keys that begin with a prefix."""
        return self.store.keys(self.space, prefix)

    def count(self) -> int:
        """How many keys there are."""
        return self.store.inspector.count(self.space)

    def batch(self) -> AbstractContextManager[None]:
        """One sync for what is written in the block."""
        return self.store.batch()

    # -- looking and settings ----------------------------------------------

    def info(self, text: str) -> EntryInfo | None:
        """One entry as stored."""
        return self.store.info(self.space, text)

    def explain(self, text: str) -> Explanation:
        """Why a key is there or not."""
        return self.store.inspector.explain(self.space, text)

    def stats(self) -> CacheStats:
        """Counters and sizes over all processes."""
        stats = self.store.stats()
        return CacheStats(stats.namespace(self.space.name), stats)

    def check(self) -> CheckReport:
        """Verify the whole store."""
        return self.store.check()

    def resize(self, capacity_nbytes: int) -> None:
        """Change the store's capacity."""
        self.store.resize(capacity_nbytes)

    def reconfigure(self, changes: dict[str, Any]) -> None:
        """Change settings of the namespace."""
        self.space = self.store.change_namespace(replace(self.space, **changes))

    def close(self) -> None:
        """Forget what this process keeps."""
        self.near.clear()

    # -- errors ------------------------------------------------------------

    def not_found(self, text: str, miss: Miss | None = None) -> KeyNotFoundError:
        """The error for a key without a value."""
        found = miss or self.find(text)
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


def placed(
    *,
    immutable: bool = False,
    replicas: int | None = None,
    node: Any = "auto",
    compression: str = "auto",
) -> dict[str, Any]:
    """Read where a value is wanted, and how; leaves out what is as always."""
    if replicas not in {None, 1, 2}:
        message = f"replicas is 1 or 2, not {replicas!r}"
        raise ConfigError(message, replicas=replicas)
    if not isinstance(node, str | Mapping) or not node:
        message = f'node is "auto", "local", a name or labels, not {node!r}'
        raise ConfigError(message, node=node)
    if compression not in {"auto", "lz4"}:
        message = (
            f'of one value compression is "auto" (as its cache does) or "lz4", not '
            f"{compression!r}; a whole cache can have compression=None: never"
        )
        raise ConfigError(message, compression=compression)
    how: dict[str, Any] = {"immutable": True} if immutable else {}
    if compression == "lz4":
        how["compress"] = True
    if replicas is not None or node != "auto":
        how["place"] = Place(replicas or 0, node)
    return how


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
