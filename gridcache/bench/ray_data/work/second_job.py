"""A dataset is read that an earlier job has kept in the grid, or written to Parquet.

The first job `prepare`s both; another is `warm`ed up and reads.
"""

from collections.abc import Callable
from time import perf_counter
from typing import Any

import ray

from gridcache import ray_data
from gridcache.bench.ray_data.passes import PASSES
from gridcache.bench.ray_data.work import Bench

__all__ = ["loaded", "parquet", "prepare", "warm"]

_NAME = "second-job"
_FEW = 16


def prepare(bench: Bench, files: str) -> dict[str, float]:
    """Keep the dataset under a name, and write it to files."""
    ray_data.persist(bench.walks(), _NAME, cache=bench.seat.cache)
    bench.walks().write_parquet(files)
    return {}


def warm(_bench: Bench, way: str) -> dict[str, float]:
    """Have the job's workers started, with what they import."""
    PASSES[way](ray.data.range(_FEW, override_num_blocks=_FEW))
    return {}


def loaded(bench: Bench, way: str) -> dict[str, float]:
    """Read what the grid has."""
    return _timed(way, lambda: ray_data.load(_NAME, cache=bench.seat.cache))


def parquet(_bench: Bench, way: str, files: str) -> dict[str, float]:
    """Read the files."""
    return _timed(way, lambda: ray.data.read_parquet(files))


def _timed(way: str, opened: Callable[[], Any]) -> dict[str, float]:
    start = perf_counter()
    rows, total = PASSES[way](opened())
    return {"seconds": perf_counter() - start, "rows": rows, "sum": total}
