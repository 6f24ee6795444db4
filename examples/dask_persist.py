"""A Dask collection, computed once and opened by its name in any other process.

What is lost is computed again, and nothing else. Run it twice: the second run computes
nothing but that.
"""

import subprocess
import sys
from typing import Any

import dask.array as da
import numpy as np
from dask.callbacks import Callback

import gridcache.dask
from gridcache import GridCache, NameInUseError


def slow(block: np.ndarray) -> np.ndarray:
    """Pretend to work hard."""
    return np.sqrt(block)


def persist() -> int:
    """Publish the roots; how many blocks were computed for that."""
    ran: list[Any] = []
    with Callback(pretask=lambda key, *_: ran.append(key)):
        gridcache.dask.persist(roots, "roots")
    return len({key[1] for key in ran if isinstance(key, tuple)})


numbers = da.arange(800_000, chunks=100_000, dtype="f8")
roots = numbers.map_blocks(slow, dtype="f8", meta=np.empty(0))
print("first", persist(), "blocks computed, then", persist())
print(gridcache.dask.info("roots"))
assert persist() == 0
assert gridcache.dask.load("roots").chunks == roots.chunks

# Any other process loads it by its name; it needs nothing of this one.
program = "import gridcache.dask as g; print(float(g.load('roots').sum().compute()))"
other = subprocess.check_output([sys.executable, "-c", program], text=True)
assert np.isclose(float(other), np.sqrt(np.arange(800_000.0)).sum())
print("another process sums", other.strip())

# Three blocks are lost: three are computed.
LOST = 3
cache = GridCache("dask")
cache.delete_many(list(cache.keys("part:roots:"))[:LOST])
print("of 8 blocks are there", gridcache.dask.info("roots").present)
assert persist() == LOST

# A name never stands for something else in silence.
try:
    gridcache.dask.persist(roots + 1, "roots")
except NameInUseError as error:
    print(error)
