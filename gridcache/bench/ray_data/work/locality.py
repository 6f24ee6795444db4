"""Where rows are read: on the node that made them, or on another.

Rows carry the node of the task that made them and are compared with the node of the
task that reads them: nobody's own account is asked.
"""

from typing import Any

import numpy as np
import pyarrow as pa
import ray

from gridcache import ray_data
from gridcache.bench.ray_data.work import Bench

__all__ = ["prepare", "share"]

_NAME = "locality"


def prepare(bench: Bench) -> dict[str, float]:
    """Keep the dataset, on both nodes."""
    made = bench.walks().map_batches(_with_node, batch_format="pyarrow")
    ray_data.persist(made, _NAME, cache=bench.seat.cache)
    return {}


def share(bench: Bench, *, ordered: bool) -> dict[str, float]:
    """Share of the rows that are read where they were made; rows by node."""
    dataset = ray_data.load(_NAME, cache=bench.seat.cache, ordered=ordered)
    counted = dataset.map_batches(_counted, batch_size=None, batch_format="pyarrow")
    found = counted.take_all()
    rows = sum(one["rows"] for one in found)
    return {
        "share": sum(one["here"] for one in found) / rows,
        "rows": rows,
        "nodes": len({one["node"] for one in found}),
    }


def _node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def _with_node(table: pa.Table) -> pa.Table:
    return table.append_column("made", pa.array([_node()] * table.num_rows))


def _counted(table: pa.Table) -> dict[str, Any]:
    here = table["made"].to_numpy() == _node()
    return {
        "rows": np.array([table.num_rows]),
        "here": np.array([np.count_nonzero(here)]),
        "node": np.array([_node()]),
    }
