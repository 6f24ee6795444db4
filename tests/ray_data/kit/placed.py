"""Datasets whose Ray blocks lie on nodes of the test's choice, without Ray Data."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import ray

from gridcache.cluster.actors.ray_nodes import pinned
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.parts import Destination, Receipt, new_write, store_block
from gridcache.ray_data.publishing import publish
from gridcache.ray_data.schemas import joined_schema, schema_of

__all__ = ["ids", "placed", "stored"]


def ids(start: int, stop: int) -> Any:
    """A Ray block of rows `{"id": start}` up to `stop`, exclusive."""
    return pa.table({"id": range(start, stop)})


def stored(
    handle: Handle, name: str, blocks: Iterable[Any], **options: Any
) -> Manifest:
    """Publish these Ray blocks, stored by this process."""
    return placed(handle, name, [("", block) for block in blocks], **options)


def placed(
    handle: Handle,
    name: str,
    blocks: Iterable[tuple[str, Any]],
    **options: Any,
) -> Manifest:
    """Publish Ray blocks, each stored on the Ray node of this id; "": by this process.

    Options are those of `Manifest`.
    """
    blocks = list(blocks)
    write = new_write()
    keeping = Keeping(replicas=options.get("replicas", 1), pin=True)
    to = Destination(handle, name, write, keeping)
    parts = [
        store_block(block, to, task, 0)
        if not node_id
        else _there(node_id, block, to, task)
        for task, (node_id, block) in enumerate(blocks)
    ]
    plain = {
        "version": None,
        "plan": None,
        "write": write,
        "schema": joined_schema(schema_of(block) for _, block in blocks),
    }
    manifest = Manifest(name=name, parts=tuple(parts), **plain | options)
    publish(handle, manifest)
    return manifest


def _there(node_id: str, block: Any, to: Destination, task: int) -> Receipt:
    options: dict[str, Any] = {"num_cpus": 0, "scheduling_strategy": pinned(node_id)}
    work: Any = ray.remote(store_block)
    receipt: Receipt = ray.get(work.options(**options).remote(block, to, task, 0))
    return receipt
