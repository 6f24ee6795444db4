"""Collections of every kind, which note in a file that they were computed."""

from collections.abc import Callable
from typing import Any

import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import xarray as xr
from dask.delayed import Delayed, delayed

from tests.dask.kit.notes import Log, noted

__all__ = ["KINDS", "array", "assert_same", "described", "frame"]


def array(log: Log, side: int = 8, chunk: int = 4) -> Any:
    whole = da.from_array(np.arange(float(side * side)).reshape(side, side), chunk)
    return whole.map_blocks(noted, str(log.path), dtype=float, meta=np.empty((0, 0)))


def frame(log: Log, rows: int = 20, npartitions: int = 4) -> Any:
    table = pd.DataFrame(
        {
            "a": range(rows),
            "b": ["x", "y"] * (rows // 2),
            "c": pd.Categorical(["u", "v"] * (rows // 2)),
        }
    )
    whole = dd.from_pandas(table, npartitions=npartitions)
    return whole.map_partitions(noted, str(log.path), meta=table.iloc[:0])


def _series(log: Log) -> Any:
    return frame(log)["a"]


def _bag(log: Log) -> Any:
    return db.from_sequence(range(8), npartitions=4).map_partitions(
        noted, str(log.path)
    )


def _delayed(log: Log) -> Any:
    return delayed(noted)({"a": [1, None]}, log=str(log.path))


def _dataset(log: Log) -> Any:
    return xr.Dataset(
        {"u": (("x", "y"), array(log)), "v": (("x",), np.arange(8))},
        coords={"x": list("abcdefgh"), "when": pd.Timestamp("2020-01-01")},
        attrs={"from": "here"},
    )


def _data_array(log: Log) -> Any:
    return xr.DataArray(
        array(log), dims=("x", "y"), coords={"y": range(8)}, name="n", attrs={"k": 1}
    )


KINDS: dict[str, Callable[[Log], Any]] = {
    "array": array,
    "dataframe": frame,
    "series": _series,
    "index": lambda log: frame(log).index,
    "scalar": lambda log: _series(log).sum(),
    "bag": _bag,
    "item": lambda log: _bag(log).sum(),
    "delayed": _delayed,
    "dataset": _dataset,
    "dataarray": _data_array,
}
"""Makers by name."""


def assert_same(found: Any, wanted: Any) -> None:
    """Compare computed values, types and all."""
    assert type(found) is type(wanted)
    if isinstance(wanted, np.ndarray):
        assert found.dtype == wanted.dtype
        np.testing.assert_array_equal(found, wanted)
    elif isinstance(wanted, pd.DataFrame):
        pd.testing.assert_frame_equal(found, wanted)
        assert found.attrs == wanted.attrs
    elif isinstance(wanted, pd.Series):
        pd.testing.assert_series_equal(found, wanted)
    elif isinstance(wanted, pd.Index):
        pd.testing.assert_index_equal(found, wanted)
    elif isinstance(wanted, xr.Dataset | xr.DataArray):
        xr.testing.assert_identical(found, wanted)
    else:
        assert found == wanted


def described(collection: Any) -> dict[str, Any]:
    """All that a collection says of itself before it is computed."""
    if isinstance(collection, Delayed):  # which answers to every attribute
        return {"type": Delayed}
    said: dict[str, Any] = {"type": type(collection)}
    for name in ("chunks", "dtype", "divisions", "npartitions", "attrs", "dims"):
        said[name] = repr(getattr(collection, name, None))
    if isinstance(collection, dd.Series | dd.Index | xr.DataArray):
        said["name"] = collection.name  # of all others that is Dask's own
    meta = getattr(collection, "_meta", None)
    if isinstance(meta, pd.DataFrame):
        said["meta"] = f"{meta.dtypes.to_dict()} {meta.index.dtype} {meta.attrs}"
    elif isinstance(meta, pd.Series | pd.Index):
        said["meta"] = f"{meta.name} {meta.dtype}"
    elif isinstance(meta, np.ndarray):
        said["meta"] = f"{type(meta)} {meta.dtype} {meta.ndim}"
    return said
