"""`grid bench dask`: the figures of `gridcache.dask`, beside what Dask has itself.

=============  =============================================================
`run`          the figures, and what they measure with
`figures`      one module each, as in `gridcache.bench.figures`
`cluster`      two local workers, each a process with little memory
`data`         what is computed: a noisy signal, a frame of readings
`counting`     partitions that take a while and count themselves
`watch`        what becomes of workers meanwhile
`slow_disk`    Dask's own disk without the page cache
`traffic`      bytes that a client received
=============  =============================================================
"""

from collections.abc import Iterator
from pathlib import Path

from gridcache.bench.result import Absent, Result, Unit
from gridcache.bench.rivals import RIVALS
from gridcache.bench.run import Plan

__all__ = ["measure_dask"]


def measure_dask(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the figures of Dask; one row that says so if it is not there."""
    absent = RIVALS["dask"].missing()
    if "dask" in plan.without:
        absent = Absent("left out by --without")
    if absent is not None:
        yield Result("dask", "", Unit.SECONDS, absent)
        return
    from gridcache.bench.dask.run import measure_figures  # noqa: PLC0415 - needs Dask

    yield from measure_figures(plan, place)
