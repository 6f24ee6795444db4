"""GridCache: the facade. A mutable mapping of keys to any values.

It forwards and decides only what a user sees: defaults, errors, and that no two
gets share mutable state. Values are read and written in `gridcache.values`, computed
in `gridcache.compute`, and the store is found in `gridcache.attach`.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, TypeVar

from gridcache.attach import UNSET, Wishes, attach, hold
from gridcache.backing import values_of
from gridcache.compute import Computer
from gridcache.errors import GridCacheError, KeyNotFoundError, NotKeyableError
from gridcache.keys import Key, key_from_text, text_key
from gridcache.prefetch import Prefetch
from gridcache.stats import CacheStats
from gridcache.store.outcome import CheckReport, EntryInfo, Explanation, Miss
from gridcache.units import parse_bytes
from gridcache.values import (
    Closed,
    cost_seconds,
    placed,
    tag_names,
    ttl_seconds,
)
from gridcache.views import ABSENT, LiveItems, LiveValues

__all__ = ["CacheStats", "GridCache"]

T = TypeVar("T")
Ttl = float | str | timedelta | None


class GridCache(MutableMapping[Any, Any]):
    """A cache that every process of this machine shares by name.

    Parameters
    ----------
    name
        A namespace of the store: its own policy, quota and statistics. "default"
        unless a setting says otherwise.
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
    grid
        "auto" (default): over all nodes if this node's store belongs to a grid (see
        `gridcache.connect`, `grid up`); a grid's name: raise if it is in none; None:
        this node's store alone.

    Notes
    -----
    Keys are text, bytes, ints, or tuples of those, and come back as they were put.
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
        name: str = UNSET,
        *,
        capacity: float | str | None = None,
        quota: float | str | None = None,
        policy: str = UNSET,
        compression: str | None = UNSET,
        ttl: Ttl = UNSET,
        path: str | Path | None = None,
        allow_pickle: bool = UNSET,
        durable: bool = False,
        grid: str | None = "auto",
    ) -> None:
        attached = attach(
            Wishes(
                name=name,
                capacity=capacity,
                quota=quota,
                policy=policy,
                compression=compression,
                ttl=ttl,
                path=path,
                allow_pickle=allow_pickle,
                durable=durable,
                grid=grid,
            )
        )
        self._release = hold(self, attached.store)
        self.name = attached.space.name
        self.allow_pickle = attached.config.allow_pickle
        self._grid = attached.grid
        own = path is not None and not attached.grid
        self._own_path = str(attached.store.directory) if own else None
        self._values = values_of(attached)
        self._computer = Computer(self._values)

    def __reduce__(self) -> tuple[Any, ...]:
        grid = self._grid or "auto"  # another node finds its own store
        return _reopen, (self.name, self._own_path, self.allow_pickle, grid)

    # -- mapping -----------------------------------------------------------

    def __getitem__(self, key: Key) -> Any:
        text = _known(key)
        found = self._values.fetch(text)
        if type(found) is Miss:
            raise self._values.not_found(text, found)
        return found

    def __setitem__(self, key: Key, value: Any) -> None:
        self._values.put(text_key(key), value)

    def __delitem__(self, key: Key) -> None:
        text, values = _known(key), self._values
        if not values.delete([text]):
            raise values.not_found(text)

    def __contains__(self, key: object) -> bool:
        try:
            text = text_key(key)  # type: ignore[arg-type]
        except NotKeyableError:
            return False
        return self._values.has(text)

    def __len__(self) -> int:
        return self._values.count()

    def __iter__(self) -> Iterator[Any]:
        return self._list("")

    def items(self) -> LiveItems:
        """Keys and values; what goes while they are listed is left out."""
        return LiveItems(self)

    def values(self) -> LiveValues:
        """Values; what goes while they are listed is left out."""
        return LiveValues(self)

    def pop(self, key: Key, default: Any = ABSENT) -> Any:
        """Delete a key and return its value, `default` if it is not there."""
        try:
            value = self[key]
            del self[key]
        except KeyNotFoundError:
            if default is ABSENT:
                raise
            return default
        return value

    def setdefault(self, key: Key, default: Any = None) -> Any:
        """Return the value of a key, after storing `default` if there was none."""
        if self.get(key, ABSENT) is ABSENT:
            self[key] = default
        return self.get(key, default)

    # -- one key -----------------------------------------------------------

    def get(self, key: Key, default: Any = None, *, copy: bool = False) -> Any:
        """Return the value of a key, or `default`.

        Parameters
        ----------
        copy
            True: arrays come as private writable copies. Otherwise arrays and
            Arrow data are read-only, large ones views of the shared memory.
        """
        found = self._values.fetch(text_key(key), copy=copy)
        return default if type(found) is Miss else found

    def put(
        self,
        key: Key,
        value: Any,
        *,
        ttl: Ttl = None,
        cost: Ttl = None,
        pin: bool = False,
        tags: Iterable[str] = (),
        **where: Any,
    ) -> None:
        """Store a value.

        Parameters
        ----------
        ttl
            How long it lives; None for the cache's default.
        cost
            Seconds it took to compute, counted as saved at each hit.
        pin
            True: never evicted.
        tags
            Names of groups that `clear(tag=...)` deletes.
        **where
            `immutable` (True: the key names what made the value, as a digest does;
            in a grid copies of it may lie anywhere), `compression` ("lz4": now,
            whatever the cache does), and in a grid `replicas` (1 or 2) and for
            immutable values `node` ("auto", "local", a name, or labels as a mapping).

        Raises
        ------
        NotEncodableError, ValueTooLargeError, OutOfSpaceError
            Nothing is stored; an older value of the key stays.
        """
        options = _put_options(ttl=ttl, cost=cost, pin=pin, tags=tags, **where)
        self._values.put(text_key(key), value, **options)

    def pin(self, key: Key) -> None:
        """Never evict a key; raises `KeyNotFoundError`."""
        self._change(key, pinned=True)

    def unpin(self, key: Key) -> None:
        """Let a key be evicted again; raises `KeyNotFoundError`."""
        self._change(key, pinned=False)

    def touch(self, key: Key, ttl: Ttl = None) -> None:
        """Count as a use, and live for `ttl` from now on (None: as before).

        Raises `KeyNotFoundError`.
        """
        self._change(key, ttl_s=ttl_seconds(ttl))

    def _change(self, key: Key, **changes: Any) -> None:
        text, values = _known(key), self._values
        if not values.change(text, **changes):
            raise values.not_found(text)

    # -- many keys ---------------------------------------------------------

    def get_many(self, keys: Iterable[Key], *, copy: bool = False) -> dict[Any, Any]:
        """Return the hits among the keys, under the keys as given."""
        wanted = list(_several(keys))
        found = self._values.fetch_many([text_key(key) for key in wanted], copy=copy)
        return {
            key: value
            for key, value in zip(wanted, found, strict=True)
            if type(value) is not Miss
        }

    def contains_many(self, keys: Iterable[Key]) -> set[Any]:
        """Return those of the keys that have a value; no value is read."""
        wanted = list(_several(keys))
        found = self._values.has_many([text_key(key) for key in wanted])
        return {key for key, there in zip(wanted, found, strict=True) if there}

    def prefetch(self, keys: Iterable[Key]) -> Prefetch:
        """Bring immutable values to this node, in the background.

        In a grid: they are copied into this node's memory a few MiB at a time and
        stay there until the handle is closed; what lies on this node's disk comes
        back. Values that may be overwritten are read at their homes and do not come.
        A single store has all it can have and brings nothing.

        Returns
        -------
        Prefetch
            `wait()`, `done`, `cancel()`, `close()`, and how many are `here` by now.
        """
        return self._values.prefetch([text_key(key) for key in _several(keys)])

    def put_many(
        self, items: Mapping[Any, Any] | Iterable[tuple[Key, Any]], **options: Any
    ) -> None:
        """Store several values, in order; options as for `put`.

        A value that cannot be stored raises; those before it are stored.
        """
        texts = ((text_key(key), value) for key, value in dict(items).items())
        self._values.put_many(texts, **_put_options(**options))

    def delete_many(self, keys: Iterable[Key]) -> int:
        """Delete keys; returns how many were there."""
        return self._values.delete([text_key(key) for key in _several(keys)])

    def keys(self, prefix: str = "") -> Any:
        """Keys whose text form begins with `prefix`; all as a set-like view without.

        In the order of their text forms (see `gridcache.keys`; long ones that begin
        alike in any), read in short steps: keys put or deleted meanwhile may or may
        not be listed.
        """
        return self._list(prefix) if prefix else super().keys()

    def _list(self, prefix: str) -> Iterator[Any]:
        return map(key_from_text, self._values.keys(prefix))

    def clear(self, tag: str | None = None) -> int:  # type: ignore[override]
        """Delete everything in this namespace, or what has a tag; returns how many."""
        return self._values.clear(tag)

    # -- computing ---------------------------------------------------------

    def get_or_compute(
        self, key: Key, fn: Callable[[], T], *, ttl: Ttl = None, **options: Any
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
        value: T = self._computer.compute(text_key(key), fn, ttl=ttl, **options)
        return value

    async def aget(self, key: Key, default: Any = None, *, copy: bool = False) -> Any:
        """Like `get`; a read is microseconds, so it does not leave the loop."""
        return self.get(key, default, copy=copy)

    async def aput(self, key: Key, value: Any, **options: Any) -> None:
        """Like `put`, in a thread: encoding and copying may take long."""
        await self._computer.in_thread(self.put, key, value, **options)

    async def aget_or_compute(
        self, key: Key, fn: Callable[[], Any], *, ttl: Ttl = None, **options: Any
    ) -> Any:
        """Like `get_or_compute`; `fn` may return an awaitable.

        Waiting for another task, thread or process does not block the loop; an
        `fn` that is no coroutine function does.
        """
        return await self._computer.acompute(text_key(key), fn, ttl=ttl, **options)

    # -- looking -----------------------------------------------------------

    def info(self, key: Key) -> EntryInfo | None:
        """One entry as stored; None if it is not there."""
        return self._values.info(text_key(key))

    def explain(self, key: Key) -> Explanation:
        """Why a key is there or not: evicted when by what need, expired, ..."""
        return self._values.explain(text_key(key))

    def stats(self) -> CacheStats:
        """Counters and sizes over all processes."""
        return self._values.stats()

    def check(self) -> CheckReport:
        """Verify the whole store; see `.ok` and `.problems`."""
        return self._values.check()

    @property
    def path(self) -> Path:
        """The store's directory."""
        return self._values.path

    # -- life --------------------------------------------------------------

    def resize(self, capacity: float | str) -> None:
        """Change the store's capacity; shrinking evicts."""
        self._values.resize(parse_bytes(capacity))

    def reconfigure(
        self,
        *,
        quota: float | str | None = UNSET,
        policy: str = UNSET,
        compression: str | None = UNSET,
        ttl: Ttl = UNSET,
    ) -> None:
        """Change this namespace's settings, for caches opened from now on and this."""
        changes: dict[str, Any] = {"policy": policy, "compression": compression}
        changes["quota_nbytes"] = quota
        if quota is not UNSET and quota is not None:
            changes["quota_nbytes"] = parse_bytes(quota)
        changes["ttl_s"] = ttl if ttl is UNSET else ttl_seconds(ttl)
        given = {name: value for name, value in changes.items() if value is not UNSET}
        self._values.reconfigure(given)

    def close(self) -> None:
        """Let the store go; the values stay. Idempotent; views stay valid."""
        values: Any = self._values
        if type(values) is not Closed:
            self._values = self._computer = Closed(self.name)  # type: ignore[assignment]
            values.close()
            self._release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        try:
            state = str(self.stats())
        except GridCacheError as error:
            state = error.kind
        return f"<GridCache {self.name!r}: {state}>"

    def _repr_html_(self) -> str:
        from gridcache.notebook.html import cache_html  # noqa: PLC0415 - on display

        return cache_html(self.stats())


def _reopen(
    name: str, path: str | None, allow_pickle: bool, grid: str = "auto"
) -> GridCache:
    return GridCache(name, path=path, allow_pickle=allow_pickle, grid=grid)


def _put_options(
    *,
    ttl: Ttl = None,
    cost: Ttl = None,
    pin: bool = False,
    tags: Iterable[str] = (),
    **where: Any,
) -> dict[str, Any]:
    """Read the options of a put."""
    return {
        **placed(**where),
        "ttl_s": ttl_seconds(ttl),
        "cost_s": 0.0 if cost is None else cost_seconds(cost),
        "pinned": pin,
        "tags": tag_names(tags),
    }


def _known(key: Key) -> str:
    """A key's text where it must be there: what cannot be a key is not."""
    try:
        return text_key(key)
    except NotKeyableError as error:
        raise KeyNotFoundError(str(error), key=repr(key)) from error


def _several(keys: Iterable[Key]) -> Iterable[Key]:
    if isinstance(keys, str | bytes):
        message = f"keys is a collection of keys; for one key write [{keys!r}]"
        raise TypeError(message)
    return keys
