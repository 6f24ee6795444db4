"""Get of a large array that lies on another node, beside Ray's transfer and a copy.

Each array is read once: immutable, it goes into the own node's arena and comes as a
view of it. The reader of Ray's object has it brought into its node's object store
and copies it. The memory of both was used before.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.grid.site import keys_at
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.timing import interleave, median_call_s
from gridcache.cache import GridCache
from gridcache.units import format_bytes

__all__ = ["measure"]

_RIVAL = "ray.get and copy"
_GOALS = {_RIVAL: Goal(1.5, at_most=False)}
_TOUCHED = 8
"""Large values that both kinds of memory held once before the clock runs."""


def measure(run: GridRun) -> Iterator[Result]:
    """Time single gets, as speed."""
    nbytes, site = run.scale.large_nbytes, run.site
    what = f"get of a {format_bytes(nbytes)} array from another node, p50"
    figure = Figure("far large get", what, Unit.BYTES_PER_SECOND, _GOALS)
    with site.cache() as here, site.cache(site.far) as far:
        contenders: dict[str, Callable[[int], float]] = {
            OURS: partial(_ours_s, run, here, far)
        }
        absent: dict[str, Absent] = {}
        actor = run.actor(site.far)
        if isinstance(actor, Absent):
            absent[_RIVAL] = actor
        else:
            _touch(run.actor(site.here), nbytes)
            _touch(actor, nbytes)
            contenders[_RIVAL] = partial(_ray_s, run, actor)
        _ours_s(run, here, far, 0, ops=_TOUCHED)
        series = interleave(run.scale.rounds, contenders)
        speeds = {name: found.per(nbytes) for name, found in series.items()}
        yield from figure.rows(speeds, absent)


def _ours_s(
    run: GridRun,
    here: GridCache,
    far: GridCache,
    _number: int,
    ops: int | None = None,
) -> float:
    """Keys whose home is the other node, as half of all are."""
    stem = run.unique("large")
    keys = keys_at(far.path, ops or run.scale.large_ops, stem)
    rng = np.random.default_rng(5)
    for key in keys:
        far.put(key, rng.random(run.scale.large_nbytes // 8), immutable=True)
    seconds = median_call_s(here.get, keys)
    here.delete_many(keys)
    return seconds


def _ray_s(run: GridRun, actor: Any, _number: int) -> float:
    nbytes = run.scale.large_nbytes
    references = [actor.new_object(nbytes) for _ in range(run.scale.large_ops)]
    return median_call_s(actor.copied, references)


def _touch(actor: Any, nbytes: int) -> None:
    held = [actor.new_object(nbytes) for _ in range(_TOUCHED)]
    del held
