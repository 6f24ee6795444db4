"""Passes: the ways in which a dataset is gone through, to its last byte.

`in_tasks` reads the rows where Ray Data puts its tasks, as an aggregation does;
`in_driver` brings them to the driver in batches, as a trainer has them. Either gives
the rows and a sum over all columns, by which contenders are checked on one another.
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute

__all__ = ["PASSES", "Seen", "in_driver", "in_tasks", "sum_of"]

Seen = tuple[int, float]
"""Rows, and the sum of all that is in them."""
_BATCH_ROWS = 1024


def in_tasks(dataset: Any) -> Seen:
    """Sum every Ray block in a task."""
    sums = dataset.map_batches(
        _sums, batch_size=None, batch_format="pyarrow", zero_copy_batch=True
    ).take_all()
    return sum(one["rows"] for one in sums), sum(one["sum"] for one in sums)


def in_driver(dataset: Any) -> Seen:
    """Sum batches in the driver."""
    rows, total = 0, 0.0
    batches = dataset.iter_batches(batch_size=_BATCH_ROWS, batch_format="pyarrow")
    for batch in batches:
        rows += batch.num_rows
        total += sum_of(batch)
    return rows, total


PASSES: Mapping[str, Callable[[Any], Seen]] = {
    "tasks": in_tasks,
    "driver": in_driver,
}


def _sums(table: pa.Table) -> dict[str, list[Any]]:
    return {"rows": [table.num_rows], "sum": [sum_of(table)]}


def sum_of(table: pa.Table) -> float:
    """All numbers, and the lengths of texts."""
    return sum(_sum_of_column(column) for column in table.columns)


def _sum_of_column(column: pa.ChunkedArray) -> float:
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        column = pa.compute.binary_length(column)
    if pa.types.is_integer(column.type):
        return float(pa.compute.sum(column).as_py() or 0)
    return float(sum(_sum_of_tensors(chunk) for chunk in column.chunks))


def _sum_of_tensors(chunk: Any) -> float:
    tensors = chunk.to_numpy(zero_copy_only=True)
    kind = np.float64 if tensors.dtype.kind == "f" else np.uint64
    return float(tensors.sum(dtype=kind))
