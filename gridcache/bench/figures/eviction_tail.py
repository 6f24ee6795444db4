"""The slowest puts of one writer while every put evicts.

The garbage collector is on: it is part of what a user waits for.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.full_store import FullStore, full_store
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import times_ns

__all__ = ["measure"]

_PERCENTILES = {"p50": 50.0, "p99": 99.0, "p99.9": 99.9}
_GOALS = {"p99.9": Goal(1e-3, Of.VALUE)}


def measure(run: Run) -> Iterator[Result]:
    """Time single puts; a percentile per round."""
    store, ops = full_store(run), run.scale.full_ops
    rounds = [_percentiles(store, ops) for _ in range(run.scale.rounds + 1)][1:]
    for name, values in zip(_PERCENTILES, zip(*rounds, strict=True), strict=True):
        goals = {OURS: _GOALS[name]} if name in _GOALS else {}
        what = f"put of 1 KiB under a new key, every one evicts, {name} of {ops:,}"
        figure = Figure(f"eviction, {name}", what, Unit.SECONDS, goals)
        yield from figure.rows({OURS: Series(values)})


def _percentiles(store: FullStore, ops: int) -> tuple[float, ...]:
    pairs = [(key, store.value) for key in islice(store.keys, ops)]
    found = np.percentile(times_ns(store.cache.put, pairs), [*_PERCENTILES.values()])
    return tuple((found * 1e-9).tolist())
