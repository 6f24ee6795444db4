"""Two reader processes against one: how much more they read together.

Copying reads are of 1 KiB values, views of 64 KiB arrays (a lease each). The
near cache is off, or a part of the reads would not reach the store. The rival
is one of the same processes alone, in the same round.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np

from gridcache.bench.children import Child, rates
from gridcache.bench.compare import OURS, Figure
from gridcache.bench.place import setting
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.small_values import values_of
from gridcache.bench.timing import interleave
from gridcache.cache import GridCache

__all__ = ["measure"]

_PROCESSES = 2
_RIVAL = "one process"
_COPIES = Goal(1.6, at_most=False)
_VIEWS = Goal(0.6, at_most=False)
_VIEW_NBYTES = 64 << 10
_VIEW_KEYS = 256
_CAPACITY_PER_KEY = 2048
_SPARE = 64 << 20
_MODULE = "gridcache.bench.reader_process"


def measure(run: Run) -> Iterator[Result]:
    """Reads per second of all processes together."""
    count = run.scale.small_keys
    small = run.cache("copies", count * _CAPACITY_PER_KEY + _SPARE)
    small.put_many(values_of([f"user:{number:08d}" for number in range(count)]))
    yield from _rows(run, small, "copying reads", "1 KiB bytes", _COPIES)
    views = run.cache("views", 2 * _VIEW_KEYS * _VIEW_NBYTES + _SPARE)
    array = np.random.default_rng(4).random(_VIEW_NBYTES // 8)
    views.put_many({f"array:{number}": array for number in range(_VIEW_KEYS)})
    yield from _rows(run, views, "views", "64 KiB arrays as views", _VIEWS)


def _rows(
    run: Run, cache: GridCache, name: str, subject: str, goal: Goal
) -> Iterator[Result]:
    figure = Figure(
        f"two readers, {name}",
        f"gets of {subject} by two processes together",
        Unit.PER_SECOND,
        {_RIVAL: goal},
    )
    with ExitStack() as stack, setting("GRIDCACHE_NEAR_BYTES", "0"):
        readers = [
            stack.enter_context(Child(_MODULE, str(cache.path)))
            for _ in range(_PROCESSES)
        ]
        seconds = run.scale.read_s
        contenders: dict[str, Callable[[int], float]] = {
            OURS: lambda _: sum(rates(readers, seconds)),
            _RIVAL: lambda _: sum(rates(readers[:1], seconds)),
        }
        yield from figure.rows(interleave(run.scale.rounds, contenders))
