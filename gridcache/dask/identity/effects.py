"""Tasks that act instead of compute.

What such a task returns (a handle, a number of a run, None) stands for something it
did. Where it is read from a cache nothing is done, and what comes after it fails or,
worse, goes on without it.
"""

from typing import Any

__all__ = ["acts"]

_ACTING = frozenset(
    {
        # A shuffle through files: all but `collect`, which reads them.
        "dask.dataframe.shuffle.maybe_buffered_partd",
        "dask.dataframe.shuffle.barrier",
        "dask.dataframe.shuffle.shuffle_group_3",
        "dask.dataframe.dask_expr._shuffle.DiskShuffle._shuffle_group",
        "dask.bag.core.partition",
        # A shuffle from worker to worker: all but the unpacking.
        "distributed.shuffle._shuffle.shuffle_transfer",
        "distributed.shuffle._merge.merge_transfer",
        "distributed.shuffle._core.p2p_barrier",
        "distributed.shuffle._rechunk.rechunk_transfer",
        # Writing.
        "dask.array.core.store_chunk",
        "dask.array.core.load_store_chunk",
        "dask.array.core._store_from_delayed",
        "dask.bag.core._to_textfiles_chunk",
        "dask.dataframe.io.csv._write_csv",
        "dask.dataframe.io.hdf._pd_to_hdf",
        "dask.dataframe.io.sql._to_sql_chunk",
        "dask.dataframe.io.parquet.core.ToParquetFunctionWrapper",
    }
)


def acts(function: Any) -> bool:
    """Tell whether a function of an installed package is called for what it does."""
    while hasattr(function, "func"):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{named.__module__}.{named.__qualname__}" in _ACTING
