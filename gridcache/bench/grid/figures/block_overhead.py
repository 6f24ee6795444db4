"""Bytes of the index that a memory block takes.

LMDB's pages in use, whole pages of all tables, over the number of blocks; a store of
its own that holds nothing else. The blocks are of 64 bytes, the least that memory is
given out in, and detached, as those of the command line are.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.cache import GridCache
from gridcache.store.opening import close_store, open_store

__all__ = ["measure"]

_GOALS = {OURS: Goal(220, Of.VALUE)}
_NBYTES = 64
_CAPACITY_PER_BLOCK = 2048
_SPARE = 64 << 20


def measure(run: GridRun) -> Iterator[Result]:
    """Count bytes; one round, as nothing varies."""
    count = run.scale.blocks
    cache = run.cache("blocks", count * _CAPACITY_PER_BLOCK + _SPARE)
    before = _index_nbytes(cache)
    store = open_store(cache.path)
    try:
        first = store.blocks.new_numbers(count)
        for number in range(first, first + count):
            store.blocks.allocate(number, _NBYTES, detached=True)
    finally:
        close_store(store)
    found = (_index_nbytes(cache) - before) / count
    what = f"index per memory block, {count:,} blocks of {_NBYTES} bytes"
    figure = Figure("block overhead", what, Unit.BYTES, _GOALS)
    yield from figure.rows({OURS: Series((found,))})


def _index_nbytes(cache: GridCache) -> int:
    return cache.stats().store.index_used_nbytes
