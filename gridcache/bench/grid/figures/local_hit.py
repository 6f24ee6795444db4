"""Hit on a node of the grid at the home of its keys, beside a store without a grid.

Another key each time, mutable and immutable, without the near cache, which would
answer a part of them; then a few keys again and again, with it.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
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

_RIVAL = "embedded"
_GOALS = {_RIVAL: Goal(1.2)}
_KEYS_PER_GRID_KEY = 10
_HOT_KEYS = 64
_CAPACITY_PER_KEY = 8192
_SPARE = 64 << 20


def measure(run: GridRun) -> Iterator[Result]:
    """Time single gets; the value is dropped inside the measurement."""
    count = max(run.scale.small_keys // _KEYS_PER_GRID_KEY, _HOT_KEYS)
    plain = run.cache("embedded", count * _CAPACITY_PER_KEY + _SPARE)
    for kind in ("mutable", "immutable"):
        keys = _filled(run, plain, kind, count)
        what = f"get of 1 KiB bytes, {kind}, another of {count:,} keys each time, p50"
        yield from _rows(run, plain, f"local hit, {kind}", what, keys, near="0")
        hot = keys[:_HOT_KEYS]
        what = (
            f"get of 1 KiB bytes, {kind}, the same {_HOT_KEYS} keys all the time, p50"
        )
        yield from _rows(run, plain, f"hot local hit, {kind}", what, hot, near=None)


def _filled(run: GridRun, plain: GridCache, kind: str, count: int) -> list[str]:
    site = run.site
    keys = keys_at(site.stores[site.here], count, kind)
    values, immutable = values_of(keys), kind == "immutable"
    with site.cache() as ours:
        for cache in (ours, plain):
            cache.put_many(values, immutable=immutable)
    return keys


def _rows(
    run: GridRun,
    plain: GridCache,
    name: str,
    what: str,
    keys: list[str],
    *,
    near: str | None,
) -> Iterator[Result]:
    with ExitStack() as stack, setting("GRIDCACHE_NEAR_BYTES", near):
        ours = stack.enter_context(run.site.cache())
        theirs = stack.enter_context(GridCache(plain.name, path=plain.path))
        contenders: dict[str, Callable[[int], float]] = {
            OURS: partial(_median_s, run, ours, keys),
            _RIVAL: partial(_median_s, run, theirs, keys),
        }
        figure = Figure(name, what, Unit.SECONDS, _GOALS)
        yield from figure.rows(interleave(run.scale.rounds, contenders))


def _median_s(run: GridRun, cache: GridCache, keys: list[str], number: int) -> float:
    ops = run.scale.small_ops
    wanted = [keys[at % len(keys)] for at in range(number * ops, (number + 1) * ops)]
    return median_call_s(cache.get, wanted)
