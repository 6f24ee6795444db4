"""GridCache: the facade. A mutable mapping of text keys to any values.

It forwards: the codec makes frames, the store keeps them, the near cache saves
decoding, the flight sees that a value is computed once. It decides only what a
user sees: defaults, errors, and that no two gets share mutable state.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from gridcache.attach import UNSET, Wishes, attach
from gridcache.codec import decode, encode, is_immutable
from gridcache.compute import Computer
from gridcache.errors import (
    ClosedError,
    CorruptFramesError,
    KeyNotFoundError,
)
from gridcache.keys import Key, text_key
from gridcache.near import NearCache
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store
from gridcache.store.outcome import (
    CheckReport,
    EntryInfo,
    Explanation,
    Hit,
    Miss,
    MissReason,
    NamespaceStats,
    StoreStats,
)
from gridcache.store.records import entry_key
from gridcache.store.writer import Order
from gridcache.units import format_bytes, parse_bytes, parse_duration

__all__ = ["CacheStats", "GridCache"]

T = TypeVar("T")
_ABSENT: Any = object()


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counters and sizes of a cache's namespace and of its store."""

    namespace: NamespaceStats
    store: StoreStats

    def _repr_html_(self) -> str:
        from gridcache.notebook.html import stats_html  # noqa: PLC0415 - on display

        return stats_html(self)


class GridCache(MutableMapping[str, Any]):
    """A cache that every process of this machine shares by name.

    Parameters
    ----------
    name
        A namespace of the store: its own policy, quota and statistics.
    capacity
        Bound on the whole store ("8GiB" or bytes), for the call that makes it.
        None: a quarter of the machine's memory, at most half of what is free.
    quota
        Bound on this namespace; None for a fair share.
    policy
        What goes first: "lru" (default), "lfu", or "none" (nothing; a full
        namespace refuses).
    compression
        "auto" (default): raw while there is room, cold values compressed before
        anything is evicted; "lz4": at every put; None: never.
    ttl
        How long values live ("1h" or seconds); None for ever.
    path
        A directory for a store of its own, in memory or on disk; None for the
        user's default store in shared memory.
    allow_pickle
        False: values that only pickle can encode are refused, and not read.
    durable
        On disk: a put returns when it would survive a power loss.

    Notes
    -----
    The memory stays taken after this process ends, so that the next one finds
    the values, and is lost at reboot unless the store is on disk. `grid stores`
    lists stores, `grid rm-store` removes one.

    Examples
    --------
    >>> cache = GridCache("docs")
    >>> cache["answer"] = {"value": 42}
    >>> cache["answer"]
    {'value': 42}
    >>> cache.get("question", "none")
    'none'
    """

    def __init__(
        self,
        name: str = "default",
        *,
        capacity: float | str | None = None,
        quota: float | str | None = None,
        policy: str = UNSET,
        compression: str | None = UNSET,
        ttl: float | str | timedelta | None = UNSET,
        path: str | Path | None = None,
        allow_pickle: bool = UNSET,
        durable: bool = False,
    ) -> None:
        wishes = Wishes(
            name, capacity, quota, policy, compression, ttl, path, allow_pickle, durable
        )
        attached = attach(wishes)
        self.name = name
        self._path = None if path is None else str(path)
        self._open: NodeStore | None = attached.store
        self._space = attached.space
        self.allow_pickle = attached.config.allow_pickle
        self._near = NearCache(attached.config.near_bytes)
        self._computer = Computer(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (self.name, self._path, self.allow_pickle)

    # -- mapping -----------------------------------------------------------

    def __getitem__(self, key: Key) -> Any:
        text = key if type(key) is str else text_key(key)
        found = self._fetch(text)
        if type(found) is Miss:
            message = f"{text!r} is not in cache {self.name!r}: {found.reason}"
            raise KeyNotFoundError(message, key=text, reason=str(found.reason))
        return found

    def __setitem__(self, key: Key, value: Any) -> None:
        self.put(key, value)

    def __delitem__(self, key: Key) -> None:
        text = text_key(key)
        if not self._store.delete(self._space, [text]):
            reason = self._store.inspector.explain(self._space, text).reason
            message = f"{text!r} is not in cache {self.name!r}"
            raise KeyNotFoundError(message, key=text, reason=str(reason))

    def __contains__(self, key: object) -> bool:
        try:
            text = text_key(key)  # type: ignore[arg-type]
        except TypeError:
            return False
        return not isinstance(self._store.find(self._space, text), Miss)

    def __len__(self) -> int:
        return self._store.inspector.count(self._space)

    def __iter__(self) -> Iterator[str]:
        return self._store.keys(self._space)

    # -- one key -----------------------------------------------------------

    def get(self, key: Key, default: Any = None, *, copy: bool = False) -> Any:
        """Return the value of a key, or `default`.

        Parameters
        ----------
        copy
            True: arrays come as private writable copies. Otherwise arrays and
            Arrow data are read-only views of the shared memory.
        """
        text = key if type(key) is str else text_key(key)
        found = self._fetch(text, copy=copy)
        return default if type(found) is Miss else found

    def _fetch(self, text: str, *, copy: bool = False, count: bool = True) -> Any:
        """The value, or why it is missing."""
        store = self._store
        key, long_key = entry_key(self._space.id, text)
        near = self._near.get(key)
        if near is not None and store.is_current(key, near.generation):
            return near.value
        hit = store.get(key, long_key, view=not copy, count=count)
        if type(hit) is not Hit:
            return hit
        return self._decode(text, key, hit, copy=copy)

    def _decode(self, text: str, key: bytes, hit: Hit, *, copy: bool) -> Any:
        try:
            value = decode(
                hit.header, hit.body, allow_pickle=self.allow_pickle, copy=copy
            )
        except CorruptFramesError:
            self._store.forget_corrupt(self._space, text, hit.generation)
            return Miss(MissReason.CORRUPT)
        if not hit.leased and is_immutable(value):
            self._near.offer(key, hit.generation, value, hit.body.nbytes)
        return value

    def put(
        self,
        key: Key,
        value: Any,
        *,
        ttl: float | str | timedelta | None = None,
        cost: float | None = None,
        pin: bool = False,
        tags: Iterable[str] = (),
    ) -> None:
        """Store a value.

        Parameters
        ----------
        ttl
            How long it lives; None for the cache's default.
        cost
            Seconds it took to compute: statistics, and policy `cost` later.
        pin
            True: never evicted.
        tags
            Names of groups that `clear(tag=...)` deletes.

        Raises
        ------
        NotEncodableError, ValueTooLargeError, OutOfSpaceError
            Nothing is stored; an older value of the key stays.
        """
        text = key if type(key) is str else text_key(key)
        self._store.put(self._order(text, value, ttl, cost, pin=pin, tags=tags))

    def _order(
        self,
        text: str,
        value: Any,
        ttl: float | str | timedelta | None = None,
        cost: float | None = None,
        *,
        pin: bool = False,
        tags: Iterable[str] = (),
    ) -> Order:
        frames = encode(
            value,
            compress=self._space.compression == "lz4",
            allow_pickle=self.allow_pickle,
        )
        return Order(
            self._space,
            text,
            frames,
            ttl_s=None if ttl is None else parse_duration(ttl),
            cost_s=cost or 0.0,
            pinned=pin,
            tags=(tags,) if isinstance(tags, str) else tuple(tags),
        )

    def _put_fenced(
        self, text: str, value: Any, fence: Any, plan: Any, cost: float
    ) -> bool:
        """Store for the single flight; False if a newer leader took over."""
        order = self._order(text, value, plan.ttl, cost, pin=plan.pin, tags=plan.tags)
        return self._store.put(order._replace(fence=fence)) is not None

    def pin(self, key: Key) -> None:
        """Never evict a key; raises `KeyNotFoundError`."""
        self._change(key, pinned=True)

    def unpin(self, key: Key) -> None:
        """Let a key be evicted again; raises `KeyNotFoundError`."""
        self._change(key, pinned=False)

    def touch(self, key: Key, ttl: float | str | timedelta | None = None) -> None:
        """Count as a use, and live for `ttl` from now on (None: as before).

        Raises `KeyNotFoundError`.
        """
        self._change(key, ttl_s=None if ttl is None else parse_duration(ttl))

    def _change(self, key: Key, **changes: Any) -> None:
        text = text_key(key)
        if not self._store.change(self._space, text, **changes):
            reason = self._store.inspector.explain(self._space, text).reason
            message = f"{text!r} is not in cache {self.name!r}"
            raise KeyNotFoundError(message, key=text, reason=str(reason))

    # -- many keys ---------------------------------------------------------

    def get_many(self, keys: Iterable[Key], *, copy: bool = False) -> dict[Any, Any]:
        """Return the hits among the keys, under the keys as given."""
        hits = {}
        for key in keys:
            found = self.get(key, _ABSENT, copy=copy)
            if found is not _ABSENT:
                hits[key] = found
        return hits

    def put_many(self, mapping: Mapping[Any, Any], **options: Any) -> None:
        """Store several values, in order; options as for `put`.

        A value that cannot be stored raises; those before it are stored.
        """
        for key, value in mapping.items():
            self.put(key, value, **options)

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Delete keys; returns how many were there."""
        return self._store.delete(self._space, [text_key(key) for key in keys])

    def keys(self, prefix: str = "") -> Any:
        """Text keys that begin with `prefix`, sorted; a set-like view without."""
        if not prefix:
            return super().keys()
        return self._store.keys(self._space, prefix)

    def clear(self, tag: str | None = None) -> int:  # type: ignore[override]
        """Delete everything in this namespace, or what has a tag; returns how many."""
        return self._store.clear(self._space, tag)

    # -- computing ---------------------------------------------------------

    def get_or_compute(
        self,
        key: Key,
        fn: Callable[[], T],
        *,
        ttl: float | str | timedelta | None = None,
        **options: Any,
    ) -> T:
        """Return the value of a key; compute and store it once if it is missing.

        Of all threads and processes of the machine that ask at the same time one
        calls `fn`, the others wait for its value. If storing fails the computed
        value is returned all the same, with a `CacheWarning`.

        Parameters
        ----------
        fn
            Called without arguments; its exceptions reach the caller, and the
            next that waits tries.
        **options
            `cost` (seconds; measured if not given), `tags`, `pin`, `copy`,
            `condition` (called with the value; False: do not store) and `on_error`
            (called with the error if storing fails, instead of the warning).
        """
        return self._computer.compute(text_key(key), fn, ttl=ttl, **options)

    async def aget(self, key: Key, default: Any = None, *, copy: bool = False) -> Any:
        """Like `get`; a read is microseconds, so it does not leave the loop."""
        return self.get(key, default, copy=copy)

    async def aput(self, key: Key, value: Any, **options: Any) -> None:
        """Like `put`, in a thread: encoding and copying may take long."""
        await self._computer.in_thread(self.put, key, value, **options)

    async def aget_or_compute(
        self,
        key: Key,
        fn: Callable[[], Any],
        *,
        ttl: float | str | timedelta | None = None,
        **options: Any,
    ) -> Any:
        """Like `get_or_compute`; `fn` may return an awaitable."""
        return await self._computer.acompute(text_key(key), fn, ttl=ttl, **options)

    # -- looking -----------------------------------------------------------

    def info(self, key: Key) -> EntryInfo | None:
        """One entry as stored; None if it is not there."""
        return self._store.info(self._space, text_key(key))

    def explain(self, key: Key) -> Explanation:
        """Why a key is there or not: evicted when by what need, expired, ..."""
        return self._store.inspector.explain(self._space, text_key(key))

    def stats(self) -> CacheStats:
        """Counters and sizes over all processes."""
        stats = self._store.stats()
        return CacheStats(stats.namespace(self.name), stats)

    def check(self) -> CheckReport:
        """Verify the whole store; see `.ok` and `.problems`."""
        return self._store.check()

    # -- life --------------------------------------------------------------

    def resize(self, capacity: float | str) -> None:
        """Change the store's capacity; shrinking evicts."""
        self._store.resize(parse_bytes(capacity))

    def reconfigure(
        self,
        *,
        quota: float | str | None = UNSET,
        policy: str = UNSET,
        compression: str | None = UNSET,
        ttl: float | str | timedelta | None = UNSET,
    ) -> None:
        """Change this namespace's settings for everybody, from now on."""
        changes: dict[str, Any] = {"policy": policy, "compression": compression}
        changes["quota_nbytes"] = _parsed(parse_bytes, quota)
        changes["ttl_s"] = _parsed(parse_duration, ttl)
        given = {name: value for name, value in changes.items() if value is not UNSET}
        self._space = self._store.change_namespace(replace(self._space, **given))

    def close(self) -> None:
        """Let the store go; the values stay. Idempotent; views stay valid."""
        store, self._open = self._open, None
        if store is not None:
            self._near.clear()
            close_store(store)

    def __enter__(self) -> "GridCache":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _store(self) -> NodeStore:
        if self._open is None:
            message = f"cache {self.name!r} is closed; make a new GridCache"
            raise ClosedError(message)
        return self._open

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self._store.directory

    def __repr__(self) -> str:
        if self._open is None:
            return f"<GridCache {self.name!r}: closed>"
        stats = self.stats()
        store = stats.store
        kept = "on disk" if store.on_disk else "kept until reboot or `grid rm-store`"
        return (
            f"<GridCache {self.name!r}: {stats.namespace.entries} keys, "
            f"{format_bytes(store.directory_nbytes)} of "
            f"{format_bytes(store.capacity_nbytes)} taken ({kept}), "
            f"hit {stats.namespace.hit_ratio:.0%}>"
        )

    def _repr_html_(self) -> str:
        from gridcache.notebook.html import cache_html  # noqa: PLC0415 - on display

        return cache_html(self.stats())


def _reopen(name: str, path: str | None, allow_pickle: bool) -> GridCache:
    return GridCache(name, path=path, allow_pickle=allow_pickle)


def _parsed(parse: Callable[[Any], Any], value: Any) -> Any:
    return value if value is UNSET or value is None else parse(value)
