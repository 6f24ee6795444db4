"""Put of a large array into memory used before: beside memcpy and `ray.put`.

The same key again and again: the extent of the value before last is free, so
no page is touched for the first time. memcpy copies between two arrays of this
process whose pages are touched too.
"""

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.units import format_bytes

__all__ = ["measure"]

_SPEED = {"memcpy": Goal(0.5, at_most=False)}
_TIME = {"ray.put": Goal(1.0)}
_EXTENTS = 6
"""Room for the old value, the new one and the retired."""


def measure(run: Run) -> Iterator[Result]:
    """Time puts; as speed beside memcpy, as time beside Ray."""
    nbytes, ops = run.scale.large_nbytes, run.scale.large_ops
    array = np.random.default_rng(1).random(nbytes // 8)
    calls, absent = _calls(run, array)
    for _ in range(_EXTENTS):
        calls[OURS](array)
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, call, array, ops) for name, call in calls.items()
    }
    series = interleave(run.scale.rounds, contenders)
    text = f"put of a {format_bytes(nbytes)} array into used memory, p50"
    speeds = {name: series[name].per(nbytes) for name in (OURS, "memcpy")}
    yield from Figure("large put, speed", text, Unit.BYTES_PER_SECOND, _SPEED).rows(
        speeds
    )
    del series["memcpy"]
    yield from Figure("large put", text, Unit.SECONDS, _TIME).rows(series, absent)


def _calls(
    run: Run, array: NDArray[np.float64]
) -> tuple[dict[str, Callable[[object], object]], dict[str, Absent]]:
    cache = run.cache("large", _EXTENTS * array.nbytes + (64 << 20), compression=None)
    target = np.ones_like(array)
    calls: dict[str, Callable[[object], object]] = {
        OURS: partial(cache.put, "array"),
        "memcpy": partial(np.copyto, target),
    }
    ray = run.rivals.open("ray")
    if isinstance(ray, Absent):
        return calls, {"ray.put": ray}
    calls["ray.put"] = ray.put
    return calls, {}


def _median_s(
    call: Callable[[object], object], array: object, ops: int, _number: int
) -> float:
    return median_call_s(call, [array] * ops)
