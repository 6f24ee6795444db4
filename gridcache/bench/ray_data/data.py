"""Data: the dataset that is measured, made in Ray's tasks, different in every row.

Each row has a number, a walk of floats, a small picture with noise and a name from a
vocabulary: like measured data, so a compressor finds little to do. What a row holds
follows from the number of its Ray block's first row alone.
"""

import math
import time
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import ray
from numpy.typing import NDArray

__all__ = ["ROW_NBYTES", "made", "prepared", "rows_of", "walks"]

_STEPS = 64
_SIDE = 16
_NOISE = 0x3F
"""The bits of a shade that are noise."""
_NAMES = np.array([f"station-{number:04d}" for number in range(500)])
ROW_NBYTES = 8 + 8 * _STEPS + 3 * _SIDE * _SIDE + 12 + 4
"""About what a row takes in Arrow: its name is of twelve bytes, with an offset."""


def rows_of(nbytes: int) -> int:
    """How many rows take that much."""
    return max(nbytes // ROW_NBYTES, 1)


def walks(nbytes: int, block_nbytes: int) -> Any:
    """The dataset, lazy.

    Parameters
    ----------
    nbytes, block_nbytes
        Of all of it, of a Ray block.
    """
    rows, blocks = rows_of(nbytes), max(nbytes // block_nbytes, 1)
    numbers = ray.data.range(rows, override_num_blocks=blocks)
    return numbers.map_batches(made, batch_size=None, batch_format="numpy")


def prepared(nbytes: int, block_nbytes: int, batch_rows: int, batch_s: float) -> Any:
    """The same, each batch of rows preprocessed at that cost of the processor."""
    work = partial(_worked, seconds=batch_s)
    return walks(nbytes, block_nbytes).map_batches(
        work, batch_size=batch_rows, batch_format="numpy"
    )


def made(numbers: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Rows of these numbers."""
    ids = numbers["id"]
    rng = np.random.default_rng(int(ids[0]) if len(ids) else 0)
    names = pa.array(_NAMES).take(pa.array(rng.zipf(1.5, len(ids)) % len(_NAMES)))
    return {
        "id": ids,
        "walk": _walk(rng, len(ids)),
        "picture": _picture(rng, len(ids)),
        "name": names,
    }


def _walk(rng: np.random.Generator, rows: int) -> NDArray[np.float64]:
    steps = rng.standard_normal((rows, _STEPS))
    return np.cumsum(steps, axis=1, out=steps)


def _picture(rng: np.random.Generator, rows: int) -> NDArray[np.uint8]:
    shape = (rows, _SIDE, _SIDE, 3)
    slope = np.linspace(0, 255 - _NOISE, _SIDE, dtype=np.uint8)
    noise = np.frombuffer(rng.bytes(math.prod(shape)), np.uint8).reshape(shape)
    picture: NDArray[np.uint8] = np.bitwise_and(noise, _NOISE, dtype=np.uint8)
    return np.add(picture, slope[:, None], out=picture)


def _worked(batch: dict[str, NDArray[Any]], seconds: float) -> dict[str, Any]:
    """Normalise the walks, and keep the processor busy as a decoder would."""
    end = time.thread_time() + seconds
    walk = batch["walk"]
    batch["walk"] = walk - walk.mean(axis=1, keepdims=True)
    while time.thread_time() < end:
        pass
    return batch
