"""`grid bench ray-data`: the figures of `gridcache.ray_data`, beside Ray Data itself.

Every Ray cluster runs under a process of its own, a *driver*, which is told what to
do: nothing of Ray leaks into the process that measures.

=================  =============================================================
`run`              the figures, and what they measure with
`figures`          one module each, as in `gridcache.bench.figures`
`driver`           starts a driver and asks it; `driver_process` is that process
`cluster`          the clusters that a driver can be on
`work`             what drivers are asked for
`data`             the dataset: walks, pictures and names, different in every row
`passes`           the ways in which a dataset is gone through
`usage`            what lies in Ray's object stores, what they have spilled
`spilled`          the files that they have written, out of the page cache
`asked`            what drivers have answered
=================  =============================================================
"""

from collections.abc import Iterator
from pathlib import Path

from gridcache.bench.result import Absent, Result, Unit
from gridcache.bench.rivals import RIVALS
from gridcache.bench.run import Plan

__all__ = ["measure_ray_data"]


def measure_ray_data(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the figures of Ray Data; one row that says so if it is not there."""
    absent = RIVALS["ray"].missing()
    if "ray" in plan.without:
        absent = Absent("left out by --without")
    if absent is not None:
        yield Result("ray-data", "", Unit.SECONDS, absent)
        return
    from gridcache.bench.ray_data.run import measure_figures  # noqa: PLC0415 - one place

    yield from measure_figures(plan, place)
