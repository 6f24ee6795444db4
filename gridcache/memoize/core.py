"""One call of a cached function: find its result, or compute it once and store it.

That a result is computed once, that a computed value comes back as the cache will give
it, and what happens when storing fails is as for `GridCache.get_or_compute`; here is
what a function adds: its key, its settings, exceptions as results, and what it counts.
"""

import atexit
import threading
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

from gridcache.advice import advise
from gridcache.memoize.keymaker import KeyMaker
from gridcache.memoize.options import Options
from gridcache.store.outcome import Miss

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["CacheInfo", "Core", "StoredError"]


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """What one function did in this process, and what is stored for it."""

    hits: int
    """Calls answered without computing, those that waited for another included."""
    misses: int
    """Calls that computed."""
    entries: int
    """Results stored by all processes, of earlier code of the function too."""


@dataclass(frozen=True, slots=True)
class StoredError:
    """An exception kept as a result, see `cache_exceptions`."""

    error: Exception


class Computation:
    """Calls the function once, and remembers whether and how it ended."""

    __slots__ = ("args", "core", "error", "kwargs", "ran")

    def __init__(
        self, core: "Core", args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> None:
        self.core = core
        self.args = args
        self.kwargs = kwargs
        self.ran = False
        self.error: Exception | None = None

    def __call__(self) -> Any:
        self.ran = True
        try:
            return self.core.function(*self.args, **self.kwargs)
        except self.core.options.cache_exceptions as error:
            self.error = error
            return StoredError(error)

    async def acall(self) -> Any:
        """Do the same for a coroutine function."""
        self.ran = True
        try:
            return await self.core.function(*self.args, **self.kwargs)
        except self.core.options.cache_exceptions as error:
            self.error = error
            return StoredError(error)


class Core:
    """A function with its settings, its keys and its counters."""

    def __init__(self, function: Callable[..., Any], options: Options) -> None:
        self.function = function
        self.options = options
        self.keys = KeyMaker(function, options)
        self._cache = options.cache
        self._lock = threading.Lock()
        self._hits = 0
        self._misses = 0
        self._warned: set[str] = set()

    def __reduce__(self) -> Any:
        # Ray's tasks carry what the function they are made of has as attributes.
        return type(self), (self.function, self.options)

    @property
    def _computer(self) -> Any:
        """The cache's own: a hit needs none of what a user may ask of it."""
        return (self.cache if self._cache is None else self._cache)._computer

    @property
    def cache(self) -> "GridCache":
        """The cache, opened at the first call."""
        if self._cache is None:
            self._cache = shared_cache(self.options.namespace or "default")
        return self._cache

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Find or compute."""
        key = self.keys.key(args, kwargs)
        found = self._find(key)
        if type(found) is not Miss:
            return found
        computation = Computation(self, args, kwargs)
        how = self.how(args, kwargs)
        value = self._computer.fill(key, computation, **how)
        return self.settle(computation, value)

    async def acall(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Find or compute, for a coroutine function."""
        key = self.keys.key(args, kwargs)
        found = self._find(key)
        if type(found) is not Miss:
            return found
        computation = Computation(self, args, kwargs)
        how = self.how(args, kwargs)
        value = await self._computer.afill(key, computation.acall, **how)
        return self.settle(computation, value)

    def _find(self, key: str) -> Any:
        """Give a stored result, or the `Miss`."""
        found = self._computer.find(key, copy=self.options.copy)
        if type(found) is Miss:
            return found
        with self._lock:
            self._hits += 1
        return found if type(found) is not StoredError else self.opened(found)

    def how(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Give the options of a call to the cache."""
        options = self.options
        return {
            "ttl": options.ttl,
            "cost": options.cost_s(),
            "tags": options.tags_of(args, kwargs),
            "immutable": True,  # the key names function and arguments
            "copy": options.copy,
            "condition": self._condition if options.condition else None,
            "on_error": self.report,
        }

    def _condition(self, value: Any) -> bool:
        condition = self.options.condition
        return type(value) is StoredError or condition is None or condition(value)

    def settle(self, computation: Computation, value: Any) -> Any:
        """Count a call and hand its result out, which may be an exception."""
        with self._lock:
            if computation.ran:
                self._misses += 1
            else:
                self._hits += 1
        if computation.ran and not self.keys.holds():
            self._report_changes()
        if computation.error is not None:
            raise computation.error
        return self.opened(value)

    def opened(self, value: Any) -> Any:
        """Raise an exception that was kept as a result."""
        if type(value) is StoredError:
            raise value.error
        return value

    def find_many(self, keys: list[str]) -> dict[str, Any]:
        """Give those of many results that are there, and count them."""
        found = self.cache.get_many(dict.fromkeys(keys), copy=self.options.copy)
        with self._lock:
            self._hits += sum(key in found for key in keys)
        return found

    def store(self, key: str, value: Any, how: dict[str, Any]) -> Any:
        """Store a value computed anew; give it as the cache will."""
        if how["condition"] is not None and not how["condition"](value):
            return value
        kept = {name: how[name] for name in ("ttl", "cost", "tags")}
        try:
            self.cache.put(key, value, immutable=True, **kept)
        except (TypeError, ValueError, OSError, MemoryError) as error:
            self.report(error)
            return value
        return value if how["copy"] else self.cache.get(key, value)

    def info(self) -> CacheInfo:
        """Give the counters."""
        entries = sum(1 for _ in self.cache.keys(f"{self.keys.name}/"))
        return CacheInfo(self._hits, self._misses, entries)

    def report(self, error: Exception) -> None:
        """Say once that a result was not stored."""
        self._warn("storing", f"a result was computed but not stored: {error}")

    def _report_changes(self) -> None:
        names = self.keys.changed_data()
        if names:
            what = ", ".join(names)
            cure = f"ignore={names!r} if it may not count"
            self._warn("data", f"{what} changed while it ran, so it runs again; {cure}")

    def _warn(self, kind: str, message: str) -> None:
        if kind not in self._warned:
            self._warned.add(kind)
            text = f"{self.keys.name}: {message}"
            advise(text)


_shared: dict[str, "GridCache"] = {}
_shared_lock = threading.Lock()


def shared_cache(namespace: str) -> "GridCache":
    """Give the cache of a namespace of the default store, one for all functions."""
    with _shared_lock:
        if namespace not in _shared:
            # Not before: a decorated function must import without a store.
            made: Any = import_module("gridcache.cache").GridCache(namespace)
            _shared[namespace] = made
        return _shared[namespace]


@atexit.register
def close_shared_caches() -> None:
    """Let the default store go; the next call opens it again."""
    with _shared_lock:
        while _shared:
            _shared.popitem()[1].close()
