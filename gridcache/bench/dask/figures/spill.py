"""A workload of three times the workers' memory: spilled to the grid, and to disk.

An array is persisted in the workers and summed twice, which reads back what was
spilled. Beside Dask's own spilling: to files that the page cache holds, and to files
that are written through to the disk and read from it. Three clusters are up at the
same time and work in turn; each worker spills from a third of its memory limit, as
what its modules take is a good part of that.

Of the workers that spill to the grid: the largest resident size, as a share of the
limit, and how often Dask complained of their memory, paused or replaced one.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from time import perf_counter, sleep

from distributed import Client, wait

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.dask.data import surface_of
from gridcache.bench.dask.run import DaskRun
from gridcache.bench.dask.slow_disk import SlowDisk
from gridcache.bench.dask.watch import Watch, troubles, watched
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.timing import interleave
from gridcache.dask.spill import SpillPlugin
from gridcache.units import format_bytes

__all__ = ["measure"]

_CACHED, _SLOW = "disk, page cache", "disk, no page cache"
_GOALS = {_CACHED: Goal(1.0), _SLOW: Goal(1.0)}
_NONE = {OURS: Goal(0, Of.VALUE)}
_PAUSE = {OURS: Goal(0.8, Of.VALUE)}
"""Where Dask pauses a worker."""
_TARGET = 0.33
_SUMS = 2
_PERIOD_S = 0.01


def measure(run: DaskRun) -> Iterator[Result]:
    """Let them spill in turn."""
    sizes = run.sizes
    with ExitStack() as stack:
        cache = stack.enter_context(run.store(sizes.spilled_nbytes))
        clusters = {
            name: stack.enter_context(run.workers(_TARGET))
            for name in (OURS, _CACHED, _SLOW)
        }
        options = {"path": str(cache.path), "max_bytes": sizes.spilled_nbytes}
        clusters[OURS].register_plugin(SpillPlugin(**options))
        clusters[_SLOW].register_plugin(SlowDisk())
        watches: list[Watch] = []
        contenders: dict[str, Callable[[int], float]] = {
            name: partial(_work_s, run, client) for name, client in clusters.items()
        }
        contenders[OURS] = partial(_watched_s, run, clusters[OURS], watches)
        series = interleave(sizes.rounds, contenders)
        complaints = troubles(clusters[OURS])
    what = (
        f"persist and two sums of {format_bytes(sizes.spilled_nbytes)} on 2 workers of "
        f"{format_bytes(sizes.worker_nbytes)}"
    )
    yield from Figure("spill", what, Unit.SECONDS, _GOALS).rows(series)
    yield from _memory(run, watches, complaints)


def _memory(run: DaskRun, watches: list[Watch], complaints: int) -> Iterator[Result]:
    limit = run.sizes.worker_nbytes
    shares = Series(tuple(watch.most_nbytes / limit for watch in watches[1:]))
    what = "largest resident size of a worker that spills, of its memory limit"
    yield from Figure("spill, worker size", what, Unit.SHARE, _PAUSE).rows(
        {OURS: shares}
    )
    seen = complaints + sum(watch.troubled for watch in watches)
    what = "warnings of memory, pauses and losses of workers that spill, in all rounds"
    yield from Figure("spill, complaints", what, Unit.COUNT, _NONE).rows(
        {OURS: Series((float(seen),))}
    )


def _watched_s(
    run: DaskRun, client: Client, watches: list[Watch], number: int
) -> float:
    with watched(client) as watch:
        seconds = _work_s(run, client, number)
    watches.append(watch)
    return seconds


def _work_s(run: DaskRun, client: Client, _number: int) -> float:
    array = surface_of(run.sizes.spilled_nbytes, run.sizes.chunk_nbytes)
    start = perf_counter()
    array = client.persist(array)
    with client.as_current():  # there are others
        wait(array)
    for _ in range(_SUMS):
        client.compute(array.sum(), sync=True)
    seconds = perf_counter() - start
    del array
    _until_empty(client)
    return seconds


def _until_empty(client: Client) -> None:
    """Wait until the workers have let go of everything."""
    while any(client.run(_count).values()):
        sleep(_PERIOD_S)


def _count(dask_worker: object) -> int:
    return len(dask_worker.data)  # type: ignore[attr-defined]
