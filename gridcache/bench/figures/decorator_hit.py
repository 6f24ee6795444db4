"""Hit of a decorated function with scalar arguments, beside other decorators.

The function takes an int, a text and a float and returns a small dict. A
hundred calls with different arguments are in the cache before the clock runs.
All caches lie on the same file system.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Of, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.memoize import grid_cache

__all__ = ["measure"]

_MOST_S = 25e-6
_ARGUMENTS = 100
_CAPACITY = 64 << 20
_GOALS = {
    OURS: Goal(_MOST_S, Of.VALUE),
    "joblib": Goal(1 / 20),
    "diskcache": Goal(1 / 3),
}
_FIGURE = Figure(
    "decorator hit", "hit of f(int, str, float) -> dict, p50", Unit.SECONDS, _GOALS
)

Call = tuple[int, str, float]


def model(depth: int, name: str, rate: float) -> dict[str, float]:
    """The function that is cached."""
    return {"depth": float(depth), "length": float(len(name)), "rate": rate}


def measure(run: Run) -> Iterator[Result]:
    """Time hits."""
    cache = run.cache("decorated", _CAPACITY)
    functions: dict[str, Callable[..., Any]] = {OURS: grid_cache(cache=cache)(model)}
    absent: dict[str, Absent] = {}
    for name in ("joblib", "diskcache"):
        rival = run.rivals.open(name)
        if isinstance(rival, Absent):
            absent[name] = rival
        else:
            functions[name] = rival.memoize(model)
    calls = [(number, f"name {number}", number / 7) for number in range(_ARGUMENTS)]
    for function in functions.values():
        for call in calls:
            function(*call)
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, function, calls, run.scale.small_ops // 10)
        for name, function in functions.items()
    }
    yield from _FIGURE.rows(interleave(run.scale.rounds, contenders), absent)


def _median_s(
    function: Callable[..., Any], calls: list[Call], ops: int, _number: int
) -> float:
    def hit(call: Call) -> object:
        return function(*call)

    return median_call_s(hit, [calls[i % len(calls)] for i in range(ops)])
