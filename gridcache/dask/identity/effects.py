"""Tasks that act instead of compute.

What such a task returns (a handle, the number of a run, None) stands for something it
did. Were it read from a cache nothing would be done, and what comes after would fail
or, worse, go on without.

A shuffle fills its buffers so; what reads them gives a value like any other, and may be
read from a cache instead, for then nobody needs the buffers. Who writes to a target
outside has done it for good, and what only tells that it is done must not be kept.
"""

from enum import Enum
from typing import Any

from gridcache.dask.identity.nodes import unwrapped

__all__ = ["Effect", "effect_of"]


class Effect(Enum):
    """What a task does besides what it returns."""

    NONE = 0
    BUFFERS = 1
    """It fills, or is, the buffers of a shuffle."""
    WRITES = 2
    """It writes outside, and so does whatever waits for it."""


_BUFFERS = frozenset(
    {
        # Through files: all but `collect`, which reads them.
        "dask.bag.chunk.barrier",
        "dask.bag.core.partition",
        "dask.dataframe.dask_expr._shuffle.DiskShuffle._shuffle_group",
        "dask.dataframe.shuffle.barrier",
        "dask.dataframe.shuffle.maybe_buffered_partd",
        # What is above a collection that may be there already: looks, or nothing.
        "gridcache.published.keeping.all_present",
        "gridcache.dask.upstream.unless",
        "partd.buffer.Buffer",
        "partd.encode.Encode",
        "partd.file.File",
        # From worker to worker: all but the unpacking.
        "dask.dataframe.dask_expr._merge.create_assign_index_merge_transfer",
        "dask.dataframe.dask_expr._shuffle._shuffle_transfer",
        "distributed.shuffle._core.p2p_barrier",
        "distributed.shuffle._merge.merge_transfer",
        "distributed.shuffle._rechunk.rechunk_transfer",
        "distributed.shuffle._shuffle.shuffle_transfer",
    }
)
_WRITES = frozenset(
    {
        "dask.array.core.load_store_chunk",
        "dask.array.core.store_chunk",
        "dask.bag.avro._write_avro_part",
        "dask.bag.core._to_textfiles_chunk",
        "dask.dataframe.io.csv._write_csv",
        "dask.dataframe.io.hdf._pd_to_hdf",
        "dask.dataframe.io.json.write_json_partition",
        "dask.dataframe.io.parquet.core.ToParquetFunctionWrapper",
        "dask.dataframe.io.sql._to_sql_chunk",
        "gridcache.dask.partitions.copy_partition",
        "gridcache.dask.partitions.store_partition",
        "numpy.save",
    }
)


def effect_of(function: Any) -> Effect:
    """Say what a function of an installed package does besides what it returns."""
    function = unwrapped(function)
    named = function if hasattr(function, "__qualname__") else type(function)
    module = getattr(named, "__module__", None)
    name = f"{module}.{named.__qualname__}".partition(".<locals>")[0]
    if name in _BUFFERS:
        return Effect.BUFFERS
    return Effect.WRITES if name in _WRITES else Effect.NONE
