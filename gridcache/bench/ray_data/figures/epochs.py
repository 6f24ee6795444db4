"""Epochs through `tee`: the first, which fills the cache, and the second.

Beside an epoch of the same pipeline without it; the second also beside the first. Each
batch of rows is preprocessed at some milliseconds of the processor, and the driver
takes batches.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.ray_data.asked import Asked, check_same
from gridcache.bench.ray_data.driver import Driver
from gridcache.bench.ray_data.run import RayDataRun
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.units import format_bytes

__all__ = ["measure"]

_PLAIN, _FIRST = "plain epoch", "first epoch"
_FIRST_GOALS = {_PLAIN: Goal(1.1)}
_SECOND_GOALS = {_FIRST: Goal(1 / 3)}


def measure(run: RayDataRun) -> Iterator[Result]:
    """Let epochs run in turn, and forget what they have filled."""
    sizes = run.sizes
    with run.alone(sizes.epoch_nbytes) as driver:
        contenders = {
            _PLAIN: Asked(lambda: driver.ask("epochs", "plain")),
            _FIRST: Asked(lambda: _first(driver)),
            OURS: Asked(lambda: driver.ask("epochs", "again")),
        }
        series = interleave(sizes.rounds, contenders)
    check_same(list(contenders.values()))
    what = (
        f"epoch of {format_bytes(sizes.epoch_nbytes)}, batches of {sizes.batch_rows} "
        f"rows that cost {sizes.batch_s * 1000:.0f} ms each"
    )
    first = Figure("tee, first epoch", what, Unit.SECONDS, _FIRST_GOALS)
    yield from first.rows({OURS: series[_FIRST], _PLAIN: series[_PLAIN]})
    yield from Figure("tee, second epoch", what, Unit.SECONDS, _SECOND_GOALS).rows(
        series
    )


def _first(driver: Driver) -> dict[str, float]:
    driver.ask("epochs", "forget")
    return driver.ask("epochs", "filling")
