"""A client that persists eight blocks, and waits inside of one until it is told.

Arguments: the store's directory, the name, the log, and the step between two numbers,
which tells one computation from another.
"""

import os
import sys
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import GridCacheError
from tests.dask.kit.notes import noted

BLOCKS = 8
_GATE = "TESTS_DASK_GATE"


def blocks(log: str, step: float) -> Any:
    """Eight blocks of a number each, noted when they are computed."""
    numbers = da.from_array(np.arange(BLOCKS) * step, chunks=1)
    meta = np.empty(0)
    numbers = numbers.map_blocks(_passed, BLOCKS * step - step, meta=meta)
    return numbers.map_blocks(noted, log, meta=meta)


def _passed(block: Any, last: float) -> Any:
    """The block; the last one waits for a line, in this program."""
    if float(block[0]) == last and _GATE in os.environ:
        sys.stdout.write("inside\n")
        sys.stdout.flush()
        sys.stdin.readline()
    return block


def main(path: str, name: str, log: str, step: str) -> None:
    os.environ[_GATE] = "shut"
    with GridCache("dask", path=path) as cache:
        Path(log).touch()
        try:
            kept = gridcache.dask.persist(
                blocks(log, float(step)), name, cache=cache, scheduler="threads"
            )
        except GridCacheError as error:
            sys.stdout.write(f"{type(error).__name__}\n")
        else:
            sys.stdout.write(f"{kept.sum().compute(scheduler='sync')}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
