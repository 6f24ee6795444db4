"""Usable share of the whole capacity for values of one size, full and evicting.

The capacity bounds the whole directory: index, access records and all fixed
files are paid from it, so small values leave less.
"""

from collections.abc import Iterator
from random import Random

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.units import format_bytes

__all__ = ["measure"]

_SIZES = (1 << 10, 4 << 10, 64 << 10)
_GOAL = Goal(0.8, Of.VALUE, at_most=False)
_WARM = 1.5
_SAMPLES = 5
_STEP = 0.1
_SEED = 51


def measure(run: Run) -> Iterator[Result]:
    """One row per size."""
    for nbytes in _SIZES:
        found = _shares(run, nbytes)
        what = (
            f"bytes of values of {format_bytes(nbytes)}, steady eviction, as a share "
            f"of a capacity of {format_bytes(run.scale.size_capacity)}"
        )
        name = f"usable share, {format_bytes(nbytes)}"
        figure = Figure(name, what, Unit.SHARE, {OURS: _GOAL})
        yield from figure.rows({OURS: found})


def _shares(run: Run, nbytes: int) -> Series:
    capacity = run.scale.size_capacity
    cache = run.cache(f"size {nbytes}", capacity, compression=None)
    value = Random(_SEED).randbytes(nbytes)  # noqa: S311 - no secrecy
    targets = [_WARM + _STEP * number for number in range(_SAMPLES)]
    number, found = 0, []
    for target in targets:
        while number * nbytes < target * capacity:
            cache.put(f"{number * 7919 % (1 << 32):08x}", value)
            number += 1
        found.append(cache.stats().namespace.raw_nbytes / capacity)
    return Series(tuple(found))
