"""What `cached()` costs where it has nothing: a graph of many tasks, threads.

Every task is another one in each round, so none is found, and none takes long enough
to be kept. Tasks do nothing cost what the scheduler takes for them, about the
least that a graph can take: of these it is the processor's time, for the threads of
one process are all there is. Those of the other row take a millisecond, which is
little: Dask advises a hundred.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from time import perf_counter, process_time
from typing import Any

import dask
import dask.bag as db

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.dask.run import DaskRun
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.dask import cached

__all__ = ["measure"]

_RIVAL = "threads"
_GOALS = {_RIVAL: Goal(1.15)}
_ROOM = 64 << 20
Way = Callable[[], AbstractContextManager[object]]


def measure(run: DaskRun) -> Iterator[Result]:
    """Time the computation alone, not the making of its graph."""
    count, task_s = run.sizes.graph_tasks, run.sizes.task_s
    what = f"{count:,} tasks, none of which was computed before, that"
    with run.store(_ROOM) as cache:
        ways: dict[str, Way] = {
            OURS: lambda: cached(cache, scheduler="threads"),
            _RIVAL: lambda: dask.config.set(scheduler="threads"),
        }
        idle = f"{what} do nothing, processor time"
        yield from _rows(run, "idle", idle, _Timing(run, ways, 0.0, process_time))
        short = f"{what} take {task_s * 1000:.0f} ms"
        yield from _rows(run, "short", short, _Timing(run, ways, task_s, perf_counter))


def _rows(run: DaskRun, kind: str, what: str, timing: "_Timing") -> Iterator[Result]:
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(timing.seconds, name) for name in timing.ways
    }
    figure = Figure(f"cached, {kind} tasks", what, Unit.SECONDS, _GOALS)
    yield from figure.rows(interleave(run.sizes.rounds, contenders))


@dataclass(frozen=True, slots=True)
class _Timing:
    """How one graph is timed."""

    run: DaskRun
    ways: Mapping[str, Way]
    task_s: float
    clock: Callable[[], float]

    def seconds(self, name: str, _number: int) -> float:
        """Compute a new graph in one of the ways."""
        run = self.run
        bag = tasks_of(run.sizes.graph_tasks, self.task_s, run.unique("task"))
        start = self.clock()
        with self.ways[name]():
            bag.compute()
        return self.clock() - start


def tasks_of(count: int, task_s: float, name: str) -> Any:
    """A bag of that many partitions, each one task."""
    names = [f"{name} {number}" for number in range(count)]
    return db.from_sequence(names, npartitions=count).map(_work, task_s)


def _work(_name: str, seconds: float) -> int:
    if seconds:
        time.sleep(seconds)
    return 1
