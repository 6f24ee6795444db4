"""What stands in the place of an `async def` function.

A module of its own, loaded when there is such a function: asyncio takes its time.
"""

import asyncio
import inspect
from collections.abc import Iterable
from typing import Any, ParamSpec, TypeVar

from gridcache.memoize.core import Computation
from gridcache.memoize.function import CachedFunction

__all__ = ["CachedAsyncFunction"]

P = ParamSpec("P")
R = TypeVar("R")


class CachedAsyncFunction(CachedFunction[P, R]):
    """The same for an `async def` function: what computes is awaited."""

    _is_coroutine = getattr(asyncio.coroutines, "_is_coroutine", None)
    """How `asyncio.iscoroutinefunction` knows one, up to Python 3.13."""
    _is_coroutine_marker = getattr(inspect, "_is_coroutine_mark", None)
    """How `inspect.iscoroutinefunction` does, since 3.12; bound methods too."""

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Give the result of a call once it is awaited."""
        value: Any = self._core.acall(self._owner + args, kwargs)
        return value  # type: ignore[no-any-return]

    def refresh(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Compute again, and store the result in place of the old one."""
        value: Any = self._refresh(self._owner + args, kwargs)
        return value  # type: ignore[no-any-return]

    async def _refresh(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        core = self._core
        key, how = core.keys.key(args, kwargs), core.how(args, kwargs)
        computation = Computation(core, args, kwargs)
        value = await computation.acall()
        return core.settle(computation, core.store(key, value, how))

    def map(self, *iterables: Iterable[Any]) -> Any:
        """Call for each item, all missing ones at the same time."""
        return self._map([self._owner + args for args in zip(*iterables, strict=False)])

    async def _map(self, calls: list[tuple[Any, ...]]) -> list[Any]:
        core = self._core
        keys = [core.keys.key(args, {}) for args in calls]
        found = core.find_many(keys)
        calls_by_key = dict(zip(keys, calls, strict=True))
        missing = [key for key in calls_by_key if key not in found]
        pending = [core.acall(calls_by_key[key], {}) for key in missing]
        found |= dict(zip(missing, await asyncio.gather(*pending), strict=True))
        return [core.opened(found[key]) for key in keys]
