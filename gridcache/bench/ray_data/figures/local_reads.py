"""Rows of a persisted dataset that are read on the node that made them, of all rows.

On two nodes of a Ray cluster that are joined to a grid, each with a store of its own.
Beside reads that keep the order, which go where Ray Data puts them.
"""

from collections.abc import Iterator
from functools import partial

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.ray_data.asked import Asked
from gridcache.bench.ray_data.run import RayDataRun
from gridcache.bench.result import Goal, Of, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.units import format_bytes

__all__ = ["measure"]

_RIVAL = "ordered=True"
_GOALS = {OURS: Goal(0.95, Of.VALUE, at_most=False)}
_NODES = 2


def measure(run: RayDataRun) -> Iterator[Result]:
    """Keep the dataset on both nodes, and count."""
    sizes = run.sizes
    capacity = run.capacity_nbytes(sizes.dataset_nbytes)
    with run.driver(
        "two_nodes", run.new_path("nodes"), capacity_nbytes=capacity
    ) as driver:
        driver.ask("locality", "prepare")
        ask = partial(driver.ask, "locality", "share")
        contenders = {
            OURS: Asked(partial(ask, ordered=False), "share"),
            _RIVAL: Asked(partial(ask, ordered=True), "share"),
        }
        series = interleave(sizes.rounds, contenders)
    what = (
        f"rows read on the node that made them, of {format_bytes(sizes.dataset_nbytes)} "
        f"on {_NODES} nodes"
    )
    yield from Figure("local reads", what, Unit.SHARE, _GOALS).rows(series)
