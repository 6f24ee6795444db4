"""Put of 1 KiB into a full store, beside put where there is room; the mean.

Both write new keys into memory used before: the roomy store is emptied between
the rounds, outside the measurement. The mean, because eviction may come in
bursts that a median does not see.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import islice
from time import perf_counter

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.full_store import FullStore, full_store, new_keys
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave

__all__ = ["measure"]

_RIVAL = "with room"
_MOST = Goal(3.0)


def measure(run: Run) -> Iterator[Result]:
    """Time runs of puts."""
    full, ops = full_store(run), run.scale.full_ops
    room = run.cache("room", 4 * run.scale.full_capacity, compression=None)
    roomy = FullStore(room, new_keys(), full.value)
    contenders: dict[str, Callable[[int], float]] = {
        OURS: partial(_mean_s, full, ops),
        _RIVAL: partial(_mean_and_clear_s, roomy, ops),
    }
    figure = Figure(
        "put when full",
        "put of 1 KiB under a new key, every one evicts, mean",
        Unit.SECONDS,
        {_RIVAL: _MOST},
    )
    yield from figure.rows(interleave(run.scale.rounds, contenders))


def _mean_s(store: FullStore, ops: int, _number: int) -> float:
    keys, put, value = list(islice(store.keys, ops)), store.cache.put, store.value
    start = perf_counter()
    for key in keys:
        put(key, value)
    return (perf_counter() - start) / ops


def _mean_and_clear_s(store: FullStore, ops: int, number: int) -> float:
    found = _mean_s(store, ops, number)
    store.cache.clear()
    return found
