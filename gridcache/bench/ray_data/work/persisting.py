"""A dataset is kept and gone through twice: by `materialize`, and by `persist`.

The clock runs from the description of the dataset to the end of the second pass. What
lies in Ray's object store is looked at between keeping and passes, what it has spilled
at the end.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

from gridcache import ray_data
from gridcache.bench.ray_data.passes import PASSES
from gridcache.bench.ray_data.usage import settled, usage
from gridcache.bench.ray_data.work import Bench

__all__ = ["materialized", "persisted"]

_PASSES = 2
_NAME = "bench"


def materialized(bench: Bench, way: str) -> dict[str, float]:
    """Ray keeps it."""
    return _timed(bench, way, lambda: bench.walks().materialize())


def persisted(bench: Bench, way: str) -> dict[str, float]:
    """The grid keeps it."""
    cache = bench.seat.cache
    try:
        return _timed(
            bench, way, lambda: ray_data.persist(bench.walks(), _NAME, cache=cache)
        )
    finally:
        ray_data.release(_NAME, cache=cache)


def _timed(bench: Bench, way: str, keep: Callable[[], Any]) -> dict[str, float]:
    address = bench.seat.address
    before = settled(address)
    start = perf_counter()
    dataset = keep()
    kept_s = perf_counter() - start
    kept = usage(address)
    start = perf_counter()
    for _ in range(_PASSES):
        rows, total = PASSES[way](dataset)
    passes_s = perf_counter() - start
    return {
        "seconds": kept_s + passes_s,
        "keep_s": kept_s,
        "passes_s": passes_s,
        "used_nbytes": kept.used_nbytes,
        "spilled_nbytes": usage(address).spilled_nbytes - before.spilled_nbytes,
        "rows": rows,
        "sum": total,
    }
