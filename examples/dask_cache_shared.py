"""One expensive collection below several results: computed for the first of them.

`cache` itself computes nothing, and names nothing: whoever needs a block first computes
and keeps it, all others read it, in this process or in another.
"""

import time

import dask
import dask.array as da
import numpy as np

import gridcache.dask
from gridcache import GridCache


def expensive(block: np.ndarray) -> np.ndarray:
    """Pretend to work hard."""
    time.sleep(0.1)
    return np.sqrt(block)


def timed(what: str, *results: da.Array) -> None:
    """Compute some results, and say what it took."""
    started, hits = time.perf_counter(), store.stats().namespace.hits
    values = dask.compute(*results)
    read = store.stats().namespace.hits - hits
    seconds = time.perf_counter() - started
    print(f"{what}: {seconds:.3f} s, {len(store)} blocks kept, {read} read", *values)


BLOCKS = 8

with GridCache("dask example") as store:
    numbers = da.arange(80_000, chunks=80_000 // BLOCKS, dtype="f8")
    roots = numbers.map_blocks(expensive, dtype="f8", meta=np.empty(0))
    shared = gridcache.dask.cache(roots, cache=store)
    assert len(store) == 0

    timed("the sum of a quarter", shared[:20_000].sum())
    assert len(store) == BLOCKS // 4
    timed("the mean of all", shared.mean())
    assert len(store) == BLOCKS
    timed("two more, together", shared.max(), shared.std())

    # The same collection, made elsewhere in the same way, has the same blocks.
    again = gridcache.dask.cache(numbers.map_blocks(expensive, dtype="f8"), cache=store)
    timed("made again", again.min())
    assert len(store) == BLOCKS
    store.clear()
