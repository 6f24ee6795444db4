"""The slowest puts of one writer while every put evicts.

The garbage collector is on: it is part of what a user waits for. The processor's
time of the same tail stands beside: what is longer than that, the put spent
waiting for a processor that others had.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from time import perf_counter_ns, thread_time_ns

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.full_store import FullStore, full_store
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import times_ns

__all__ = ["measure"]

_PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
_QUOTED = "p99.9"
_GOALS = {OURS: Goal(1e-3, Of.VALUE)}
_PROCESSOR = "processor time"


def measure(run: Run) -> Iterator[Result]:
    """Time single puts by both clocks in turn; percentiles per round."""
    store, ops = full_store(run), run.scale.full_ops
    walls, processor = [], []
    for _ in range(run.scale.rounds + 1):
        walls.append(_percentiles(store, ops, perf_counter_ns))
        processor.append(_percentiles(store, ops, thread_time_ns))
    for at, name in enumerate(_PERCENTILES):
        what = f"put of 1 KiB under a new key, every one evicts, {name} of {ops:,}"
        goals = _GOALS if name == _QUOTED else {}
        figure = Figure(f"eviction, {name}", what, Unit.SECONDS, goals)
        column = partial(_column, at)
        yield from figure.rows({OURS: column(walls), _PROCESSOR: column(processor)})


def _column(at: int, rounds: list[tuple[float, ...]]) -> Series:
    return Series(tuple(found[at] for found in rounds[1:]))


def _percentiles(
    store: FullStore, ops: int, clock: Callable[[], int]
) -> tuple[float, ...]:
    pairs = [(key, store.value) for key in islice(store.keys, ops)]
    found = times_ns(store.cache.put, pairs, clock)
    quantiles = np.percentile(found, [*_PERCENTILES.values()])
    return tuple((quantiles * 1e-9).tolist())
