"""Where rows are read: on the node that made them, or on another.

Rows carry the node of the task that made them and are compared with the node where Ray
has what the task gave that read them: nobody's own account is asked.
"""

from typing import Any

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
    """Share of the rows that are read where they were made."""
    dataset = ray_data.load(_NAME, cache=bench.seat.cache, ordered=ordered)
    rows = here = 0
    for bundle in dataset.iter_internal_ref_bundles():
        for block in bundle.block_refs:
            nodes = _nodes_of(block)  # before it comes here, too
            made = ray.get(block)["made"].to_pylist()
            rows += len(made)
            here += sum([one] == nodes for one in made)
    return {"share": here / rows, "rows": rows}


def _nodes_of(block: Any) -> list[str]:
    """Where a Ray block lies: with the task that has read it."""
    found: Any = ray.experimental.get_object_locations([block])
    return list(found[block]["node_ids"])


def _node() -> str:
    return str(ray.get_runtime_context().get_node_id())


def _with_node(table: pa.Table) -> pa.Table:
    return table.append_column("made", pa.array([_node()] * table.num_rows))
