"""Epochs of a trainer: over the pipeline, through `tee`, and out of what that filled.

The trainer takes batches in the driver and does no more than sum them up.
"""

from contextlib import suppress
from time import perf_counter
from typing import Any

from gridcache import ray_data
from gridcache.bench.ray_data.passes import in_driver
from gridcache.bench.ray_data.work import Bench
from gridcache.errors import NameNotFoundError

__all__ = ["again", "filling", "forget", "plain"]

_NAME = "epochs"


def plain(bench: Bench) -> dict[str, float]:
    """An epoch over the pipeline."""
    return _timed(bench.prepared())


def filling(bench: Bench) -> dict[str, float]:
    """The first epoch through `tee`."""
    return _timed(_tee(bench))


def again(bench: Bench) -> dict[str, float]:
    """The epoch after it."""
    return _timed(_tee(bench))


def forget(bench: Bench) -> dict[str, float]:
    """Make the next epoch the first."""
    with suppress(NameNotFoundError):  # of the very first there is nothing
        ray_data.release(_NAME, cache=bench.seat.cache)
    return {}


def _tee(bench: Bench) -> Any:
    return ray_data.tee(bench.prepared(), _NAME, cache=bench.seat.cache)


def _timed(dataset: Any) -> dict[str, float]:
    start = perf_counter()
    rows, total = in_driver(dataset)
    return {"seconds": perf_counter() - start, "rows": rows, "sum": total}
