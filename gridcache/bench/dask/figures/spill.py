"""A workload of three times the workers' memory: spilled to the grid, and to disk.

An array is persisted in the workers and summed twice, which reads back what was
spilled. Beside Dask's own spilling: to files that the page cache holds, and to files
that are written through to the disk and read from it. Three clusters are up at the
same time and work in turn.

Then what became of the workers: the largest resident size, as a share of the limit,
and how often Dask complained of their memory, paused or replaced one. They spill from
little more than a third of the limit: as much again is what Python and its modules
take, and below that a worker that looks at its process can never get.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
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
_TARGET = 0.36
_SUMS = 2
_PERIOD_S = 0.01


def measure(run: DaskRun) -> Iterator[Result]:
    """Let them spill in turn."""
    sizes = run.sizes
    with ExitStack() as stack:
        cache = stack.enter_context(run.store(sizes.spilled_nbytes))
        workers = partial(run.workers, sizes.larger_worker_nbytes, _TARGET)
        clusters = {
            name: _Cluster(stack.enter_context(workers()))
            for name in (OURS, _CACHED, _SLOW)
        }
        options = {"path": str(cache.path), "max_bytes": sizes.spilled_nbytes}
        clusters[OURS].client.register_plugin(SpillPlugin(**options))
        clusters[_SLOW].client.register_plugin(SlowDisk())
        contenders: dict[str, Callable[[int], float]] = {
            name: partial(cluster.work_s, run) for name, cluster in clusters.items()
        }
        series = interleave(sizes.rounds, contenders)
        complaints = {name: one.complaints() for name, one in clusters.items()}
    what = (
        f"persist and two sums of {format_bytes(sizes.spilled_nbytes)} on 2 workers of "
        f"{format_bytes(sizes.larger_worker_nbytes)}"
    )
    yield from Figure("spill", what, Unit.SECONDS, _GOALS).rows(series)
    limit = sizes.larger_worker_nbytes
    what = "largest resident size of a worker that spills, of its memory limit"
    figure = Figure("spill, worker size", what, Unit.SHARE, _PAUSE)
    yield from figure.rows({n: c.shares(limit) for n, c in clusters.items()})
    what = "warnings of memory, pauses and losses of workers that spill, in all rounds"
    figure = Figure("spill, complaints", what, Unit.COUNT, _NONE)
    yield from figure.rows({name: Series((n,)) for name, n in complaints.items()})


@dataclass(slots=True)
class _Cluster:
    """One contender."""

    client: Client
    watches: list[Watch] = field(default_factory=list)

    def work_s(self, run: DaskRun, _number: int) -> float:
        """Do the work, watched."""
        with watched(self.client) as watch:
            seconds = _work_s(run, self.client)
        self.watches.append(watch)
        return seconds

    def shares(self, limit_nbytes: int) -> Series:
        """The largest worker of each round that counts."""
        sizes = [watch.most_nbytes for watch in self.watches[1:]]
        return Series(tuple(size / limit_nbytes for size in sizes))

    def complaints(self) -> float:
        """Of all rounds, while the workers are up."""
        seen = sum(watch.troubled for watch in self.watches)
        return float(seen + troubles(self.client))


def _work_s(run: DaskRun, client: Client) -> float:
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
