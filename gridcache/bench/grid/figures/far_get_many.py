"""`get_many` of many keys whose home is another node, beside a client there.

Both read the same mutable values, without the near cache.
"""

from collections.abc import Callable, Iterator
from functools import partial

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.grid.site import keys_at
from gridcache.bench.place import setting
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.small_values import values_of
from gridcache.bench.timing import interleave, median_call_s
from gridcache.cache import GridCache

__all__ = ["measure"]

_RIVAL = "at home"
_GOALS = {_RIVAL: Goal(4.0)}


def measure(run: GridRun) -> Iterator[Result]:
    """Time single calls of `get_many`."""
    site, count = run.site, run.scale.batch_keys
    keys = keys_at(site.stores[site.far], count, "many")
    what = f"get_many of {count:,} x 1 KiB bytes from another node, p50"
    figure = Figure("far get_many", what, Unit.SECONDS, _GOALS)
    with (
        setting("GRIDCACHE_NEAR_BYTES", "0"),
        site.cache() as here,
        site.cache(site.far) as home,
    ):
        here.put_many(values_of(keys))
        assert len(here.get_many(keys)) == len(home.get_many(keys)) == count  # noqa: S101
        contenders: dict[str, Callable[[int], float]] = {
            OURS: partial(_median_s, here, keys, run.scale.middle_ops),
            _RIVAL: partial(_median_s, home, keys, run.scale.middle_ops),
        }
        yield from figure.rows(interleave(run.scale.rounds, contenders))


def _median_s(cache: GridCache, keys: list[str], ops: int, _number: int) -> float:
    return median_call_s(cache.get_many, [keys] * ops)
