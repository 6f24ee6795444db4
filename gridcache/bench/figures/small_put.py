"""Put of a value of 1 KiB over another key each time, with room to spare."""

from collections.abc import Callable, Iterator
from functools import partial

from gridcache.bench.compare import Figure
from gridcache.bench.figures.small_get import ops_of
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.rivals import SmallStore
from gridcache.bench.run import Run
from gridcache.bench.small_values import SmallValues, filled_stores, values_of
from gridcache.bench.timing import interleave, median_pair_s

__all__ = ["measure"]

_GOALS = {"redis": Goal(0.4)}


def measure(run: Run) -> Iterator[Result]:
    """Time single puts that replace a value of the same size."""
    small = filled_stores(run)
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, small, store, ops_of(run, name))
        for name, store in small.stores.items()
    }
    what = f"put of 1 KiB bytes over another of {len(small.keys):,} keys, p50"
    figure = Figure("small put", what, Unit.SECONDS, _GOALS)
    yield from figure.rows(interleave(run.scale.rounds, contenders), small.absent)


def _median_s(small: SmallValues, store: SmallStore, ops: int, number: int) -> float:
    values = values_of(small.keys_of(number, ops))
    pairs = [(store.key(key), value) for key, value in values.items()]
    return median_pair_s(store.put, pairs)
