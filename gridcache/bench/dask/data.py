"""Data: what is computed. Made in the worker, different in every partition.

It has noise in it, as measured data have: a compressor finds little to do.
"""

from typing import Any

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute
from numpy.typing import NDArray

__all__ = ["frame_of", "signal_of", "sum_of_frame", "surface_of"]

_COLUMNS = 1000
_ROW_NBYTES = 8 * _COLUMNS
_FRAME_ROW_NBYTES = 44
"""Four numbers of eight bytes, a name of twelve with its length."""
_STATIONS = 500


def signal_of(nbytes: int, chunk_nbytes: int) -> Any:
    """A smooth signal with noise, as a Dask array of float64."""
    return _array_of(_signal, nbytes, chunk_nbytes)


def surface_of(nbytes: int, chunk_nbytes: int) -> Any:
    """Cheaper to make: sums of a noisy row and a noisy column."""
    return _array_of(_surface, nbytes, chunk_nbytes)


def _array_of(make: Any, nbytes: int, chunk_nbytes: int) -> Any:
    rows, chunk = nbytes // _ROW_NBYTES, max(chunk_nbytes // _ROW_NBYTES, 1)
    chunks = da.core.normalize_chunks((chunk, _COLUMNS), (rows, _COLUMNS))
    meta = np.empty((0, 0))
    return da.map_blocks(make, chunks=chunks, dtype=meta.dtype, meta=meta)


def _signal(block_info: Any = None) -> NDArray[np.float64]:
    first, shape = _place(block_info)
    rows = np.sin(np.arange(first, first + shape[0]) / 1000)
    noise = np.random.default_rng(first).standard_normal(shape)
    return np.add(noise, rows[:, None], out=noise)


def _surface(block_info: Any = None) -> NDArray[np.float64]:
    first, shape = _place(block_info)
    rng = np.random.default_rng(first)
    return np.add.outer(rng.standard_normal(shape[0]), rng.standard_normal(shape[1]))


def _place(block_info: Any) -> tuple[int, tuple[int, int]]:
    """Number of the first row, and the shape of a block."""
    here = block_info[None]
    return here["array-location"][0][0], here["chunk-shape"]


def frame_of(nbytes: int, partition_nbytes: int) -> Any:
    """Readings of stations, as a Dask dataframe: times, numbers and names."""
    rows = max(partition_nbytes // _FRAME_ROW_NBYTES, 1)
    count = max(nbytes // partition_nbytes, 1)
    return dd.from_map(_readings, range(count), rows=rows, meta=_readings(0, 0))


def _readings(number: int, rows: int) -> pd.DataFrame:
    rng = np.random.default_rng(number)
    names = pd.Series([f"station-{one:04d}" for one in range(_STATIONS)])
    first = number * rows
    return pd.DataFrame(
        {
            "time": pd.to_datetime(np.arange(first, first + rows), unit="s"),
            "count": rng.integers(0, 1000, rows),
            "value": rng.standard_normal(rows),
            "station": names.take(rng.integers(0, _STATIONS, rows)).array,
        }
    )


def sum_of_frame(frame: pd.DataFrame) -> pd.Series:
    """The sum of all readings: seconds, numbers, and bytes of names; one row."""
    seconds = frame["time"].to_numpy().view(np.int64).sum() / 1e6
    names = pa.compute.binary_length(pa.array(frame["station"]))
    numbers = frame["count"].sum() + frame["value"].sum()
    return pd.Series([float(seconds + numbers + pa.compute.sum(names).as_py())])
