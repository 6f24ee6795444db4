"""Counting: partitions that take a while to compute, and count themselves."""

import time
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
from numpy.typing import NDArray

__all__ = ["Tally", "slow_array"]

_ROWS = 1000


class Tally:
    """How often something was done, in any process: a byte in a file for each."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    @property
    def count(self) -> int:
        """So far."""
        return self.path.stat().st_size


def slow_array(partitions: int, seconds: float, tally: Tally, seed: int) -> Any:
    """A Dask array that takes that long for each partition.

    Parameters
    ----------
    seed
        Another one is another computation.
    """
    chunks, path = ((_ROWS,) * partitions,), str(tally.path)
    return da.map_blocks(
        _slowly, seconds, path, seed, chunks=chunks, dtype=int, meta=np.empty(0, int)
    )


def _slowly(
    seconds: float, path: str, seed: int, block_info: Any = None
) -> NDArray[np.int64]:
    time.sleep(seconds)
    with Path(path).open("ab", buffering=0) as tally:
        tally.write(b".")  # what is appended so short is never interleaved
    return np.full(_ROWS, seed + block_info[None]["chunk-location"][0], np.int64)
