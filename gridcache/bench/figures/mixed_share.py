"""Usable share of the arena with values of very different sizes, under eviction.

Sizes are spread evenly on a logarithmic scale. Counted are the bytes of the
values themselves; a sample is taken whenever a tenth of the capacity was
written, after the store has turned over once.
"""

from collections.abc import Iterator

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.cache import GridCache
from gridcache.units import format_bytes

__all__ = ["measure"]

_SMALLEST = 64
_GOAL = Goal(0.95, Of.VALUE, at_most=False)
_WARM = 1.5
"""Capacities written before the first sample."""
_SAMPLES = 15
_STEP = 0.1
_SEED = 50


def measure(run: Run) -> Iterator[Result]:
    """Fill, then sample."""
    capacity, largest = run.scale.mix_capacity, run.scale.mix_largest
    cache = run.cache("mix", capacity, compression=None)
    puts = _puts(cache, largest)
    _write(puts, capacity * _WARM)
    of_arena, of_capacity = [], []
    for _ in range(_SAMPLES):
        _write(puts, capacity * _STEP)
        stats = cache.stats()
        of_arena.append(stats.namespace.raw_nbytes / stats.store.arena_nbytes)
        of_capacity.append(stats.namespace.raw_nbytes / capacity)
    mix = f"{_SMALLEST} B to {format_bytes(largest)} in {format_bytes(capacity)}"
    what = f"bytes of values of {mix}, steady eviction, as a share of the arena"
    goals = {OURS: _GOAL}
    figure = Figure("usable share, mix", what, Unit.SHARE, goals)
    yield from figure.rows({OURS: Series(tuple(of_arena))})
    figure = Figure("usable share of capacity, mix", what[:-9] + "capacity", Unit.SHARE)
    yield from figure.rows({OURS: Series(tuple(of_capacity))})


def _puts(cache: GridCache, largest: int) -> Iterator[int]:
    """Put one value per step; yields its bytes."""
    rng = np.random.default_rng(_SEED)
    source = np.frombuffer(rng.bytes(largest), np.uint8)
    number = 0
    while True:
        exponents = rng.uniform(np.log(_SMALLEST), np.log(largest), 1000)
        for nbytes in np.exp(exponents).astype(int).tolist():
            number += 1
            cache.put(f"mix:{number}", source[:nbytes])
            yield nbytes


def _write(puts: Iterator[int], nbytes: float) -> None:
    written = 0
    for one in puts:
        written += one
        if written >= nbytes:
            return
