"""Columns: some of those that a Ray block or a schema has, in either of Ray's kinds."""

from typing import Any

import pandas as pd
import pyarrow as pa
from ray.data.block import Block

__all__ = ["Columns", "empty_block", "picked", "picked_schema"]

Columns = tuple[str, ...] | None
"""None: all."""


def picked(block: Block, columns: Columns) -> Block:
    """The columns of a Ray block that are named and there; copies nothing."""
    if columns is None:
        return block
    if isinstance(block, pa.Table):
        return block.select([one for one in columns if one in block.column_names])
    return block[[one for one in columns if one in block.columns]]


def picked_schema(schema: Any, columns: Columns) -> Any:
    """The same of a schema."""
    if columns is None or schema is None:
        return schema
    if isinstance(schema, pa.Schema):
        return pa.schema([schema.field(one) for one in columns if one in schema.names])
    types = dict(zip(schema.names, schema.types, strict=True))
    names = [one for one in columns if one in types]
    return type(schema)(names=names, types=[types[one] for one in names])


def empty_block(schema: Any) -> Block:
    """A Ray block of no rows."""
    if isinstance(schema, pa.Schema):
        return schema.empty_table()
    columns = zip(schema.names, schema.types, strict=True)
    return pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in columns})
