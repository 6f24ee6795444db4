"""Hit of a decorated function with scalar arguments, beside other decorators.

The function takes an int, a text and a float. What it returns matters as much:
a number; a small dict, which is decoded anew at each hit; an array of 1 MiB,
which gridcache hands out as a view and the others read into a copy. Some calls with different arguments are in the cache before the
clock runs. All caches lie on the same file system.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.memoize import grid_cache

__all__ = ["measure"]

_MOST_S = 25e-6
_CALLS = 100
_ARRAY_CALLS = 10
_CAPACITY = 128 << 20
_GOALS = {
    OURS: Goal(_MOST_S, Of.VALUE),
    "joblib": Goal(1 / 20),
    "diskcache": Goal(1 / 3),
}
_OPS_PER_SLOWER = 10
"""Fewer operations than on a store alone: joblib takes ten times as long."""

_NAME = "decorator hit, {}"
_WHAT = "hit of f(int, str, float) -> {}, p50"
Call = tuple[int, str, float]
Function = Callable[..., Any]


def number(depth: int, name: str, rate: float) -> float:
    """A result of eight bytes."""
    return depth * rate + len(name)


def small_dict(depth: int, name: str, rate: float) -> dict[str, float]:
    """A mutable result: no two hits may share it."""
    return {"depth": float(depth), "length": float(len(name)), "rate": rate}


def array(depth: int, name: str, rate: float) -> NDArray[np.float64]:
    """A large result, of 1 MiB."""
    return np.full((1 << 20) // 8, depth * rate + len(name))


def measure(run: Run) -> Iterator[Result]:
    """Time hits."""
    cache = run.cache("decorated", _CAPACITY)
    makers: dict[str, Any] = {OURS: grid_cache(cache=cache)}
    absent: dict[str, Absent] = {}
    for name in ("joblib", "diskcache"):
        rival = run.rivals.open(name)
        if isinstance(rival, Absent):
            absent[name] = rival
        else:
            makers[name] = rival.memoize
    for function, count, goals in _FUNCTIONS:
        cached = {name: make(function) for name, make in makers.items()}
        name = function.__name__.replace("_", " ")
        figure = Figure(_NAME.format(name), _WHAT.format(name), Unit.SECONDS, goals)
        yield from figure.rows(_hits(run, cached, count), absent)


def _hits(run: Run, functions: dict[str, Function], count: int) -> dict[str, Series]:
    calls = [(number, f"name {number}", number / 7) for number in range(count)]
    for function in functions.values():
        for call in calls:
            function(*call)
    ops = run.scale.small_ops // _OPS_PER_SLOWER
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, function, calls, ops)
        for name, function in functions.items()
    }
    return interleave(run.scale.rounds, contenders)


def _median_s(function: Function, calls: list[Call], ops: int, _number: int) -> float:
    def hit(call: Call) -> object:
        return function(*call)

    return median_call_s(hit, [calls[i % len(calls)] for i in range(ops)])


_FUNCTIONS: tuple[tuple[Function, int, dict[str, Goal]], ...] = (
    (number, _CALLS, _GOALS),
    (small_dict, _CALLS, _GOALS),
    (array, _ARRAY_CALLS, {}),
)
"""With how many different calls, and whether a goal is set."""
