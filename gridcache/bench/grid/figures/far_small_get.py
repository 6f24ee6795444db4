"""Get of 1 KiB from another node, beside a call of a Ray actor there that returns it.

The values are mutable: they live at the home of their key and every get goes there.
"""

from collections.abc import Callable, Iterator
from functools import partial

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.grid.site import keys_at
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.small_values import values_of
from gridcache.bench.timing import interleave, median_call_s

__all__ = ["measure"]

_RIVAL = "ray actor"
_GOALS = {_RIVAL: Goal(1 / 5)}
_OPS_PER_SLOW_OP = 5


def measure(run: GridRun) -> Iterator[Result]:
    """Time single gets."""
    site, ops = run.site, run.scale.slow_ops
    keys = keys_at(site.stores[site.far], run.scale.batch_keys, "far")
    values = values_of(keys)
    what = f"get of 1 KiB bytes from another node, one of {len(keys):,} keys, p50"
    figure = Figure("far get", what, Unit.SECONDS, _GOALS)
    with site.cache() as cache:
        cache.put_many(values)
        contenders: dict[str, Callable[[int], float]] = {
            OURS: partial(_median_s, cache.get, keys, ops * _OPS_PER_SLOW_OP)
        }
        absent: dict[str, Absent] = {}
        actor = run.actor(site.far)
        if isinstance(actor, Absent):
            absent[_RIVAL] = actor
        else:
            actor.fill(values)
            contenders[_RIVAL] = partial(_median_s, actor.get, keys, ops)
        yield from figure.rows(interleave(run.scale.rounds, contenders), absent)


def _median_s(
    get: Callable[[str], object], keys: list[str], ops: int, number: int
) -> float:
    start = number * ops
    return median_call_s(get, [keys[(start + i) % len(keys)] for i in range(ops)])
