"""Schemas: what columns a dataset has, as its manifest keeps it."""

import pickle
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from ray.data.block import BlockAccessor

__all__ = ["joined_schema", "schema_of"]


def schema_of(block: Any) -> bytes:
    """The pickled schema of a Ray block; empty if it has no columns."""
    schema: Any = BlockAccessor.for_block(block).schema()
    return pickle.dumps(schema) if schema is not None and schema.names else b""


def joined_schema(schemas: Iterable[bytes]) -> bytes:
    """One for Ray blocks of several: a column may be all null in some of them."""
    different = [one for one in dict.fromkeys(schemas) if one]
    if not different:
        return b""
    if len(different) == 1:
        return different[0]
    loaded = [pickle.loads(one) for one in different]  # noqa: S301 - of our own tasks
    try:
        return pickle.dumps(pa.unify_schemas(loaded, promote_options="permissive"))
    except (pa.ArrowException, TypeError):
        return different[0]
