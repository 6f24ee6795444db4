"""What stands in a function's place."""

import functools
import sys
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

from gridcache.memoize.core import CacheInfo, Computation, Core
from gridcache.memoize.explain import explain
from gridcache.memoize.options import Options
from gridcache.memoize.travel import reduced

if TYPE_CHECKING:
    from gridcache.cache import GridCache
    from gridcache.store.outcome import Explanation

__all__ = ["CachedFunction"]

_RAY_ASKS = frozenset({"__func__", "__code__"})

P = ParamSpec("P")
R = TypeVar("R")


class CachedFunction(Generic[P, R]):
    """A function whose results are kept; call it like the function.

    As a method it is bound like any function, and `obj.method.refresh(x)` works. The
    methods below take the arguments of a call, and make the same key.
    """

    __wrapped__: Callable[P, R]
    _made_of: Any
    """What `make` was called with, and is in another process."""

    def __init__(self, core: Core, owner: tuple[Any, ...] = ()) -> None:
        self._core = core
        self._owner = owner

    @classmethod
    def make(cls, function: Callable[P, R], options: Options) -> "CachedFunction[P, R]":
        """Wrap a function."""
        made = cls(Core(function, options))
        functools.update_wrapper(made, function, updated=())
        made._made_of = function
        return made

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Give the result of a call, computed if it is not stored."""
        value: R = self._core.call(self._owner + args, kwargs)
        return value

    def __get__(
        self, instance: object, owner: type | None = None
    ) -> "CachedFunction[..., R]":
        if instance is None:
            return self
        return type(self)(self._core, (instance,))

    def call(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function itself: nothing is looked up, nothing is stored."""
        value: R = self._core.function(*self._owner, *args, **kwargs)
        return value

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute again, and store the result in place of the old one."""
        core, full = self._core, self._owner + args
        key, how = core.keys.key(full, kwargs), core.how(full, kwargs)
        computation = Computation(core, full, kwargs)
        value: R = core.settle(computation, core.store(key, computation(), how))
        return value

    def map(self, *iterables: Iterable[Any]) -> Any:
        """Call for each item, as the builtin does; computes only what is missing.

        Returns
        -------
        list
            The results in order; for an `async def` function an awaitable of it.
        """
        calls = [self._owner + args for args in zip(*iterables, strict=False)]
        keys = [self._core.keys.key(args, {}) for args in calls]
        found = self._core.find_many(keys)
        return [
            self._core.opened(found[key]) if key in found else self._core.call(args, {})
            for key, args in zip(keys, calls, strict=True)
        ]

    def cache_key(self, *args: P.args, **kwargs: P.kwargs) -> str:
        """Give the key under which the result of a call is stored."""
        return self._core.keys.key(self._owner + args, kwargs)

    def is_cached(self, *args: P.args, **kwargs: P.kwargs) -> bool:
        """Tell whether a call would be answered without computing."""
        return self.cache_key(*args, **kwargs) in self._core.cache

    def explain(self, *args: P.args, **kwargs: P.kwargs) -> "Explanation":
        """Say why the result of a call is stored or not; `str()` of it is for people."""
        return explain(self._core, self.cache_key(*args, **kwargs))

    def cache_info(self) -> CacheInfo:
        """Give what the function did in this process, and what is stored for it."""
        return self._core.info()

    def cache_clear(self) -> int:
        """Delete all results of the function, of earlier code too; give how many."""
        cache = self._core.cache
        return cache.delete_many(list(cache.keys(f"{self._core.keys.name}/")))

    @property
    def cache(self) -> "GridCache":
        """Where the results are; opened if it was not."""
        return self._core.cache

    def __getattr__(self, name: str) -> Any:
        # A bound method has the name, docstring, ... of its function.
        if name.startswith("_core"):
            raise AttributeError(name)
        if name in _RAY_ASKS and "ray" in sys.modules:
            return self._told_to_ray(name)
        return getattr(self._core.function, name)

    def _told_to_ray(self, name: str) -> Any:
        """As a function of Cython would: Ray takes those and Python's alone."""
        remote = import_module("gridcache.memoize.remote")
        if name == "__func__":
            return remote.ForRay(self)
        return remote.parameters_alone(self._core.function.__code__)

    def __gridcache_key__(self) -> Any:
        return self._owner, self._core.options.version, self._core.function

    def __repr__(self) -> str:
        return f"<cached {self._core.keys.name}>"

    def __reduce__(self) -> Any:
        if self._owner:
            return getattr, (self._owner[0], self._core.function.__name__)
        return reduced(self)
