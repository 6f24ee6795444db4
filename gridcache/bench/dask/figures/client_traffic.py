"""Bytes that the client receives while a collection is persisted, per partition.

All of them: receipts, and what the scheduler tells meanwhile. Beside Dask's own
`persist`, which leaves the partitions in the workers' memory.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from distributed import wait

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.dask.counting import Tally, slow_array
from gridcache.bench.dask.run import DaskRun
from gridcache.bench.dask.traffic import received_nbytes
from gridcache.bench.result import Goal, Of, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.cache import GridCache
from gridcache.dask import persist, release

__all__ = ["measure"]

_GOALS = {OURS: Goal(1000, Of.VALUE)}
_RIVAL = "persist of Dask"
_ROOM = 64 << 20
Call = Callable[[Any], object]


def measure(run: DaskRun) -> Iterator[Result]:
    """Count bytes."""
    with run.store(_ROOM) as cache:
        contenders: dict[str, Callable[[int], float]] = {
            OURS: partial(_per_partition, run, partial(_persist, cache)),
            _RIVAL: partial(_per_partition, run, _persist_stock),
        }
        series = interleave(run.sizes.rounds, contenders)
    what = f"bytes to the client per partition, persist of {run.sizes.partitions}"
    yield from Figure("client traffic", what, Unit.BYTES, _GOALS).rows(series)


def _per_partition(run: DaskRun, call: Call, number: int) -> float:
    client = run.client
    tally = Tally(run.place / run.unique("tally"))
    array = slow_array(run.sizes.partitions, 0.0, tally, number)
    before = received_nbytes(client)
    call(array)
    return (received_nbytes(client) - before) / run.sizes.partitions


def _persist(cache: GridCache, array: Any) -> None:
    persist(array, "traffic", cache=cache, progress=False)
    release("traffic", cache=cache)


def _persist_stock(array: Any) -> None:
    wait(array.persist())
