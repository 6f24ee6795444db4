"""Compute: a missing value is computed once, stored, and handed out as stored.

Joins the values with the single flight. What storing refuses is still returned.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from gridcache.advice import advise
from gridcache.errors import GridCacheError, UnsafeCodecError
from gridcache.flight import ABSENT
from gridcache.store.outcome import Miss, MissReason
from gridcache.values import Values, cost_seconds, tag_names, ttl_seconds

__all__ = ["Computer"]


class _Plan(NamedTuple):
    """How a computed value is to be kept."""

    ttl: Any = None
    cost: Any = None
    """Seconds; None for as measured."""
    tags: Any = ()
    pin: bool = False
    immutable: bool = False
    """Its key names what made it."""
    copy: bool = False
    condition: Callable[[Any], bool] | None = None
    on_error: Callable[[Exception], object] | None = None

    def parsed(self) -> "_Plan":
        """Read before anything is computed in vain."""
        return self._replace(
            ttl=ttl_seconds(self.ttl),
            cost=None if self.cost is None else cost_seconds(self.cost),
            tags=tag_names(self.tags),
        )


class Computer:
    """Single flight for the values of one cache."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._flight = values.flight
        self._warned: set[str] = set()

    def compute(self, text: str, fn: Callable[[], Any], **options: Any) -> Any:
        """Find or compute; see `GridCache.get_or_compute`."""
        plan = _Plan(**options)
        found = self.find(text, copy=plan.copy)
        return self._fill(text, fn, plan) if type(found) is Miss else found

    def fill(self, text: str, fn: Callable[[], Any], **options: Any) -> Any:
        """Compute what `find` missed, unless another does; options as above."""
        return self._fill(text, fn, _Plan(**options))

    def _fill(self, text: str, fn: Callable[[], Any], plan: _Plan) -> Any:
        plan, timed = plan.parsed(), _Timed(fn)
        return self._flight.run(
            self._values.space,
            text,
            find=partial(self._find, text, plan),
            compute=timed,
            keep=partial(self._keep, text, plan, timed),
        )

    async def acompute(self, text: str, fn: Callable[[], Any], **options: Any) -> Any:
        """Find or compute without blocking the loop while others compute."""
        plan = _Plan(**options)
        found = self.find(text, copy=plan.copy)
        return await self._afill(text, fn, plan) if type(found) is Miss else found

    async def afill(self, text: str, fn: Callable[[], Any], **options: Any) -> Any:
        """Do as `fill` does without blocking the loop while others compute."""
        return await self._afill(text, fn, _Plan(**options))

    async def _afill(self, text: str, fn: Callable[[], Any], plan: _Plan) -> Any:
        plan, timed = plan.parsed(), _AsyncTimed(fn)
        return await self._flight.run_async(
            self._values.space,
            text,
            find=partial(self._find, text, plan),
            compute=timed,
            keep=partial(self._keep, text, plan, timed),
        )

    def find(self, text: str, *, copy: bool, count: bool = True) -> Any:
        """The value; a `Miss` as well if it is there but cannot be read here."""
        fetch = self._values.fetch
        return self._read(text, lambda: fetch(text, copy=copy, count=count))

    def _read(self, text: str, fetch: Callable[[], Any]) -> Any:
        try:
            return fetch()
        except UnsafeCodecError as error:
            return self._unreadable(text, error)
        except (GridCacheError, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - of the user's code in a pickle
            return self._unreadable(text, error)

    def _unreadable(self, text: str, error: Exception) -> Miss:
        self._warn("unreadable", f"{text!r} is computed again: {error}")
        return Miss(MissReason.CORRUPT)

    def _find(self, text: str, plan: _Plan) -> Any:
        found = self.find(text, copy=plan.copy, count=False)
        return ABSENT if type(found) is Miss else found

    def _keep(
        self, text: str, plan: _Plan, timed: "_Timed", value: Any, fence: Any
    ) -> Any:
        """Store a computed value; returns what the caller gets."""
        if plan.condition is not None and not plan.condition(value):
            return value
        try:
            self._values.put(
                text,
                value,
                ttl_s=plan.ttl,
                cost_s=timed.seconds if plan.cost is None else plan.cost,
                pinned=plan.pin,
                immutable=plan.immutable,
                tags=plan.tags,
                fence=fence,
            )
        except (GridCacheError, OSError) as error:
            (plan.on_error or partial(self._not_stored, text))(error)
            return value
        # The same kind of object as a later hit gives: read-only arrays.
        if plan.copy:
            return value
        fetch = self._values.fetch_kept
        found = self._read(text, lambda: fetch(text, copy=False))
        return value if type(found) is Miss else found

    def _not_stored(self, text: str, error: Exception) -> None:
        kind = getattr(error, "kind", type(error).__name__)
        self._warn(kind, f"{text!r} was computed but not stored: {error}")

    def _warn(self, kind: str, message: str) -> None:
        """Once per cache and kind: the next thousand keys would say the same."""
        if kind not in self._warned:
            self._warned.add(kind)
            advise(message)

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
            return await value if inspect.isawaitable(value) else value
        finally:
            self.seconds = time.perf_counter() - started
