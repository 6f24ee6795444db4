"""The same again: `persist` under a name that has it all, `cached()` that has it all.

Beside the first time, which computes every partition; and the partitions that the
second time computes, which ought to be none.
"""

from collections.abc import Callable, Iterator
from functools import partial
from time import perf_counter
from typing import Any

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.dask.counting import Tally, slow_array
from gridcache.bench.dask.run import DaskRun
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.timing import interleave
from gridcache.cache import GridCache
from gridcache.dask import cached, persist

__all__ = ["measure"]

_RIVAL = "first"
_GOALS = {_RIVAL: Goal(1 / 20)}
_NONE = {OURS: Goal(0, Of.VALUE)}
_ROOM = 64 << 20
Call = Callable[[Any, int], object]


def measure(run: DaskRun) -> Iterator[Result]:
    """Do everything twice."""
    with run.store(_ROOM) as cache:
        yield from _rows(run, "persist", partial(_persist, cache))
        yield from _rows(run, "cached", partial(_cached, cache))


def _persist(cache: GridCache, array: Any, number: int) -> None:
    persist(array, f"twice-{number}", cache=cache, progress=False)


def _cached(cache: GridCache, array: Any, _number: int) -> None:
    with cached(cache):
        array.sum().compute()


def _rows(run: DaskRun, name: str, call: Call) -> Iterator[Result]:
    sizes, tally = run.sizes, Tally(run.place / run.unique("tally"))
    run.client  # noqa: B018 - it starts, and is Dask's default
    again: list[int] = []

    def timed(number: int) -> float:
        array = slow_array(sizes.partitions, sizes.partition_s, tally, number)
        start = perf_counter()
        call(array, number)
        return perf_counter() - start

    def timed_again(number: int) -> float:
        before = tally.count
        seconds = timed(number)
        again.append(tally.count - before)
        return seconds

    series = interleave(sizes.rounds, {_RIVAL: timed, OURS: timed_again})
    what = (
        f"{name} of {sizes.partitions} partitions that take "
        f"{sizes.partition_s * 1000:.0f} ms each, the second time"
    )
    yield from Figure(f"second {name}", what, Unit.SECONDS, _GOALS).rows(series)
    computed = Series(tuple(map(float, again[1:])))
    what = f"partitions that the second {name} computes"
    figure = Figure(f"second {name}, computed", what, Unit.COUNT, _NONE)
    yield from figure.rows({OURS: computed})
