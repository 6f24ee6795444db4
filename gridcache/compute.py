"""Compute: a missing value is computed once, stored, and handed out as stored.

Joins the facade with the single flight. What storing refuses is still returned.
"""

import asyncio
import inspect
import time
import warnings
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from gridcache.errors import CacheWarning, GridCacheError
from gridcache.flight import ABSENT, SingleFlight
from gridcache.store.outcome import Miss

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["Computer"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a computed value is to be kept."""

    ttl: float | str | timedelta | None
    cost: float | None = None
    """Seconds; None for as measured."""
    tags: tuple[str, ...] = ()
    pin: bool = False
    copy: bool = False
    condition: Callable[[Any], bool] | None = None
    on_error: Callable[[Exception], object] | None = None


class Computer:
    """Single flight for one cache."""

    def __init__(self, cache: "GridCache") -> None:
        self._cache = cache

    def compute(
        self,
        text: str,
        fn: Callable[[], Any],
        *,
        ttl: float | str | timedelta | None,
        **options: Any,
    ) -> Any:
        """Find or compute; see `GridCache.get_or_compute`."""
        plan = _Plan(ttl, **_tuple_tags(options))
        found = self._cache._fetch(text, copy=plan.copy)
        if type(found) is not Miss:
            return found
        timed = _Timed(fn)
        return self._flight().run(
            self._cache._space,
            text,
            find=lambda: self._find(text, plan),
            compute=timed,
            keep=lambda value, fence: self._keep(text, value, fence, plan, timed),
        )

    async def acompute(
        self,
        text: str,
        fn: Callable[[], Any],
        *,
        ttl: float | str | timedelta | None,
        **options: Any,
    ) -> Any:
        """Find or compute without blocking the loop while others compute."""
        plan = _Plan(ttl, **_tuple_tags(options))
        found = self._cache._fetch(text, copy=plan.copy)
        if type(found) is not Miss:
            return found
        timed = _AsyncTimed(fn)
        return await self._flight().run_async(
            self._cache._space,
            text,
            find=lambda: self._find(text, plan),
            compute=timed,
            keep=lambda value, fence: self._keep(text, value, fence, plan, timed),
        )

    def _flight(self) -> SingleFlight:
        return SingleFlight(self._cache._store)

    def _find(self, text: str, plan: _Plan) -> Any:
        found = self._cache._fetch(text, copy=plan.copy, count=False)
        return ABSENT if type(found) is Miss else found

    def _keep(
        self, text: str, value: Any, fence: Any, plan: _Plan, timed: "_Timed"
    ) -> Any:
        """Store a computed value; returns what the caller gets."""
        if plan.condition is not None and not plan.condition(value):
            return value
        cost = timed.seconds if plan.cost is None else plan.cost
        try:
            stored = self._cache._put_fenced(text, value, fence, plan, cost)
        except (GridCacheError, OSError) as error:
            (plan.on_error or _warner(text))(error)
            return value
        # The same kind of object as a later hit gives: read-only arrays.
        found = self._find(text, plan) if stored and not plan.copy else ABSENT
        return value if found is ABSENT else found

    @staticmethod
    async def in_thread(call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Run a blocking call beside the loop."""
        return await asyncio.to_thread(call, *args, **options)


class _Timed:
    """A function that notes how long it ran."""

    def __init__(self, fn: Callable[[], Any]) -> None:
        self._fn = fn
        self.seconds = 0.0

    def __call__(self) -> Any:
        started = time.perf_counter()
        try:
            return self._fn()
        finally:
            self.seconds = time.perf_counter() - started


class _AsyncTimed(_Timed):
    async def __call__(self) -> Any:
        started = time.perf_counter()
        try:
            value = self._fn()
            return await _awaited(value) if inspect.isawaitable(value) else value
        finally:
            self.seconds = time.perf_counter() - started


async def _awaited(value: Awaitable[Any]) -> Any:
    return await value


def _tuple_tags(options: dict[str, Any]) -> dict[str, Any]:
    tags = options.get("tags", ())
    options["tags"] = (tags,) if isinstance(tags, str) else tuple(tags)
    return options


def _warner(text: str) -> Callable[[Exception], None]:
    def warn(error: Exception) -> None:
        message = f"{text!r} was computed but not stored: {error}"
        warnings.warn(message, CacheWarning, stacklevel=2)

    return warn
