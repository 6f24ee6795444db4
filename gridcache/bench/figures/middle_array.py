"""Put and get of an array of 1 MiB, beside Ray's object store.

Every put makes a new value; every get is of one that this process has not read
yet, as a task does with what another hands to it.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.cache import GridCache

__all__ = ["measure"]

_NBYTES = 1 << 20
_PUT = Figure(
    "middle put", "put of a 1 MiB array, p50", Unit.SECONDS, {"ray.put": Goal(0.3)}
)
_GET = Figure(
    "middle get",
    "get of a 1 MiB array not read before, p50",
    Unit.SECONDS,
    {"ray.get": Goal(0.5)},
)

Array = NDArray[np.float64]
Contender = Callable[[int], float]


def measure(run: Run) -> Iterator[Result]:
    """Time puts, then gets of what was just put."""
    array = np.random.default_rng(2).random(_NBYTES // 8)
    ops = run.scale.middle_ops
    cache = run.cache("middle", 4 * ops * _NBYTES + (64 << 20), compression=None)
    puts: dict[str, Contender] = {OURS: partial(_put_s, cache, array, ops)}
    gets: dict[str, Contender] = {OURS: partial(_get_s, cache, array, ops)}
    ray = run.rivals.open("ray")
    if not isinstance(ray, Absent):
        puts["ray.put"] = partial(_ray_put_s, ray, array, ops)
        gets["ray.get"] = partial(_ray_get_s, ray, array, ops)
    for figure, contenders in ((_PUT, puts), (_GET, gets)):
        yield from _rows(run, figure, contenders, ray)


def _rows(
    run: Run, figure: Figure, contenders: Mapping[str, Contender], ray: Any
) -> Iterator[Result]:
    absent = dict.fromkeys(figure.goals, ray) if isinstance(ray, Absent) else {}
    yield from figure.rows(interleave(run.scale.rounds, contenders), absent)


def _keys(ops: int) -> list[str]:
    return [f"array:{number}" for number in range(ops)]


def _put_s(cache: GridCache, array: Array, ops: int, _number: int) -> float:
    def put(key: str) -> None:
        cache.put(key, array)

    return median_call_s(put, _keys(ops))


def _get_s(cache: GridCache, array: Array, ops: int, _number: int) -> float:
    for key in _keys(ops):
        cache.put(key, array)
    return median_call_s(cache.get, _keys(ops))


def _ray_put_s(ray: Any, array: Array, ops: int, _number: int) -> float:
    return median_call_s(ray.put, [array] * ops)


def _ray_get_s(ray: Any, array: Array, ops: int, _number: int) -> float:
    return median_call_s(ray.get, [ray.put(array) for _ in range(ops)])
