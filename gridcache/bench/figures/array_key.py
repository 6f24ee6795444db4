"""The key of a call with a large array, beside `dask.tokenize` of that array."""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.memoize import grid_cache

__all__ = ["measure"]

_RIVAL = "dask.tokenize"
_OPS = 3
_MB = 1_000_000


def total(values: NDArray[np.float64]) -> float:
    """The function whose key is made; never called."""
    return float(values.sum())


def measure(run: Run) -> Iterator[Result]:
    """Time `f.cache_key(array)`: no store is opened for it."""
    array = np.random.default_rng(3).random(run.scale.digest_nbytes // 8)
    calls: dict[str, Callable[..., object]] = {OURS: grid_cache(total).cache_key}
    absent: dict[str, Absent] = {}
    dask = run.rivals.open("dask")
    if isinstance(dask, Absent):
        absent[_RIVAL] = dask
    else:
        calls[_RIVAL] = dask.tokenize
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, call, array) for name, call in calls.items()
    }
    what = f"grid_cache key of an array of {array.nbytes / _MB:.3g} MB"
    figure = Figure("array key", what, Unit.SECONDS, {_RIVAL: Goal(1.0)})
    yield from figure.rows(interleave(run.scale.rounds, contenders), absent)


def _median_s(call: Callable[..., object], array: object, _number: int) -> float:
    return median_call_s(call, [array] * _OPS)
