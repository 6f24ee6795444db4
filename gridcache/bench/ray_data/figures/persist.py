"""`persist` and two passes, of a dataset twice as large as Ray's object store.

Beside `materialize()` and two passes, on the same cluster in turn. In one set of rounds
the passes run in tasks, in the other the driver takes batches. Ray keeps one half in its
object store and the other in files where temporary files lie: which the page cache holds,
or which are brought to the disk after each step, and read from it. All memory was used
before.

Then what Ray has spilled meanwhile, and how much of the dataset lies in its object store
when it is kept, before the passes.
"""

from collections.abc import Iterator, Mapping
from functools import partial

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.ray_data.asked import Asked, check_same
from gridcache.bench.ray_data.driver import Driver
from gridcache.bench.ray_data.passes import PASSES
from gridcache.bench.ray_data.run import RayDataRun
from gridcache.bench.result import Goal, Of, Result, Unit
from gridcache.bench.timing import interleave
from gridcache.units import format_bytes

__all__ = ["measure"]

_RIVAL, _SLOW = "materialize", "materialize, no page cache"
_TIME = {_RIVAL: Goal(0.8), _SLOW: Goal(0.8)}
_SPILLED = {OURS: Goal(0, Of.VALUE)}
_USED = {OURS: Goal(0.1, Of.VALUE)}
_CALLS: Mapping[str, tuple[str, dict[str, bool]]] = {
    _RIVAL: ("materialized", {"uncached": False}),
    OURS: ("persisted", {}),
    _SLOW: ("materialized", {"uncached": True}),
}


def measure(run: RayDataRun) -> Iterator[Result]:
    """Let both keep it, in turn."""
    with run.alone(run.sizes.dataset_nbytes) as driver:
        for way in PASSES:
            yield from _rows(run, driver, way)


def _rows(run: RayDataRun, driver: Driver, way: str) -> Iterator[Result]:
    sizes = run.sizes
    contenders = {
        name: Asked(partial(driver.ask, "persisting", call, way=way, **how))
        for name, (call, how) in _CALLS.items()
    }
    series = interleave(sizes.rounds, contenders)
    check_same(list(contenders.values()))
    nbytes = sizes.dataset_nbytes
    what = f"persist and two passes (in {way}) of {format_bytes(nbytes)}"
    name = f"persist, passes in {way}"
    yield from Figure(name, what, Unit.SECONDS, _TIME).rows(series)
    figure = Figure(f"{name}, spilled", what, Unit.BYTES, _SPILLED)
    yield from figure.rows(
        {name: one.series("spilled_nbytes") for name, one in contenders.items()}
    )
    what = f"in Ray's object store, of {format_bytes(nbytes)} that are kept"
    shares = {
        name: one.series("used_nbytes").scaled(1 / nbytes)
        for name, one in contenders.items()
    }
    yield from Figure(f"{name}, in Ray", what, Unit.SHARE, _USED).rows(shares)
