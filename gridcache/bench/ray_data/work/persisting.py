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
from gridcache.bench.ray_data.spilled import drop_from_memory
from gridcache.bench.ray_data.usage import settled, usage
from gridcache.bench.ray_data.work import Bench

__all__ = ["materialized", "persisted"]

_PASSES = 2
_NAME = "bench"


def materialized(bench: Bench, way: str, *, uncached: bool) -> dict[str, float]:
    """Ray keeps it.

    Parameters
    ----------
    uncached
        What it spills goes to the disk, and comes from it.
    """
    files = bench.seat.files

    def after() -> None:
        if uncached and files is not None:
            drop_from_memory(files)

    return _timed(bench, way, lambda: bench.walks().materialize(), after)


def persisted(bench: Bench, way: str) -> dict[str, float]:
    """The grid keeps it."""
    cache = bench.seat.cache

    def keep() -> Any:
        return ray_data.persist(bench.walks(), _NAME, cache=cache)

    try:
        return _timed(bench, way, keep, lambda: None)
    finally:
        ray_data.release(_NAME, cache=cache)


def _timed(
    bench: Bench, way: str, keep: Callable[[], Any], after: Callable[[], None]
) -> dict[str, float]:
    address = bench.seat.address
    before = settled(address)
    start = perf_counter()
    dataset = keep()
    after()
    kept_s = perf_counter() - start
    kept = usage(address)
    start = perf_counter()
    for _ in range(_PASSES):
        rows, total = PASSES[way](dataset)
        after()
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
