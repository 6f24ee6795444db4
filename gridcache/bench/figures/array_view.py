"""Get of an array as a view: how long, and whether that grows with its size."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.cache import GridCache
from gridcache.units import format_bytes

__all__ = ["measure"]

_MOST_S = 50e-6
_GROWTH = Goal(1.5)
"""What counts as not growing: noise, and the few more pages of a larger mapping."""
_QUOTED = 64 << 20


def measure(run: Run) -> Iterator[Result]:
    """Time get and release of the view; no byte of the array is touched."""
    sizes = run.scale.view_sizes
    cache = run.cache("views", 2 * sum(sizes) + (64 << 20), compression=None)
    for size in sizes:
        cache[str(size)] = np.arange(size // 8, dtype=np.int64)
    contenders: dict[str, Callable[[int], float]] = {
        str(size): partial(_median_s, cache, str(size), run.scale.small_ops // 10)
        for size in sizes
    }
    series = interleave(run.scale.rounds, contenders)
    quoted = _QUOTED if _QUOTED in sizes else sizes[-1]
    yield from _quoted(quoted, series[str(quoted)])
    yield from _growth(sizes, series)


def _median_s(cache: GridCache, key: str, ops: int, _number: int) -> float:
    return median_call_s(cache.get, [key] * ops)


def _quoted(size: int, found: Series) -> Iterator[Result]:
    what = f"get of a {format_bytes(size)} array as a view, and its release, p50"
    goals = {OURS: Goal(_MOST_S, Of.VALUE)}
    yield from Figure("array view", what, Unit.SECONDS, goals).rows({OURS: found})


def _growth(sizes: tuple[int, ...], series: dict[str, Series]) -> Iterator[Result]:
    smallest, *larger = sizes
    rival = f"view of {format_bytes(smallest)}"
    for size in larger:
        what = f"the same for {format_bytes(size)}: whether it grows with the size"
        name = f"view of {format_bytes(size)}"
        figure = Figure(name, what, Unit.SECONDS, {rival: _GROWTH})
        found = {OURS: series[str(size)], rival: series[str(smallest)]}
        yield from figure.rows(found)
