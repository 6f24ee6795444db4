"""Get of a value of 1 KiB, another key each time, beside every small-value store."""

from collections.abc import Callable, Iterator
from functools import partial

from gridcache.bench.compare import Figure
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.rivals import SmallStore
from gridcache.bench.run import Run
from gridcache.bench.small_values import SmallValues, filled_stores
from gridcache.bench.timing import interleave, median_call_s

__all__ = ["measure", "ops_of"]

_GOALS = {
    "redis": Goal(1 / 4),
    "ray actor": Goal(1 / 120),
    "lmdb": Goal(8.0),
}


def measure(run: Run) -> Iterator[Result]:
    """Time single gets; the value is dropped inside the measurement."""
    small = filled_stores(run)
    contenders: dict[str, Callable[[int], float]] = {
        name: partial(_median_s, small, store, ops_of(run, name))
        for name, store in small.stores.items()
    }
    what = f"get of 1 KiB bytes, another of {len(small.keys):,} keys each time, p50"
    figure = Figure("small get", what, Unit.SECONDS, _GOALS)
    yield from figure.rows(interleave(run.scale.rounds, contenders), small.absent)


def ops_of(run: Run, name: str) -> int:
    """How many operations of a round a contender is given."""
    return run.scale.slow_ops if name == "ray actor" else run.scale.small_ops


def _median_s(small: SmallValues, store: SmallStore, ops: int, number: int) -> float:
    keys = [store.key(key) for key in small.keys_of(number, ops)]
    return median_call_s(store.get, keys)
