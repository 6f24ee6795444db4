"""A second job reads a dataset that the first has persisted.

Beside `read_parquet` of the same dataset from files that `write_parquet` has made in
shared memory, without options. The job's workers are up. One pass, in tasks or in the
driver, from `load` or `read_parquet` on.
"""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.ray_data.asked import Asked, check_same
from gridcache.bench.ray_data.driver import Driver
from gridcache.bench.ray_data.passes import PASSES
from gridcache.bench.ray_data.run import RayDataRun
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.units import format_bytes

__all__ = ["measure"]

_RIVAL = "read_parquet"
_GOALS = {_RIVAL: Goal(1 / 2)}


def measure(run: RayDataRun) -> Iterator[Result]:
    """Prepare in one job, read in another."""
    store, files = run.new_path("store"), run.new_path("files")
    capacity = run.capacity_nbytes(run.sizes.dataset_nbytes)
    with (
        run.driver(
            "own",
            store,
            capacity_nbytes=capacity,
            object_store_nbytes=run.sizes.object_store_nbytes,
        ) as first,
    ):
        first.ask("second_job", "prepare", files=str(files))
        with run.driver("attached", store, address=first.address) as second:
            for way in PASSES:
                yield from _rows(run, second, way, files)


def _rows(run: RayDataRun, driver: Driver, way: str, files: Path) -> Iterator[Result]:
    sizes = run.sizes
    driver.ask("second_job", "warm", way=way)
    ask = partial(driver.ask, "second_job", way=way)
    contenders = {
        _RIVAL: Asked(partial(ask, "parquet", files=str(files))),
        OURS: Asked(partial(ask, "loaded")),
    }
    series = interleave(sizes.rounds, contenders)
    check_same(list(contenders.values()))
    nbytes = format_bytes(sizes.dataset_nbytes)
    what = f"one pass (in {way}) over {nbytes} that another job has persisted"
    yield from Figure(f"second job, {way}", what, Unit.SECONDS, _GOALS).rows(series)
