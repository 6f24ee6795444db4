"""pyarrow: arrays, tables, scalars, types.

Data are hashed as the IPC stream that Arrow would write, in windows of a fixed number
of rows, so that the borders of chunks do not show. A window is copied first: Arrow
writes whole words, and a slice shares its first and last ones with its neighbours.

Not covered: what lies under nulls, which Arrow writes too. Two arrays that differ
there alone have different digests, which is a miss and never a wrong hit. Columns
with dictionaries are hashed chunk by chunk.
"""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from xxhash import xxh3_128

from gridcache.digest.engine import FAMILIES, Digester, leaf
from gridcache.digest.errors import type_name

__all__: list[str] = []

WINDOW_ROWS = 1 << 16
"""Copied at a time; the copy of a few columns fits in a core's cache."""


class _Sink:
    """A file that hashes what is written to it."""

    closed = False

    def __init__(self) -> None:
        self.hasher = xxh3_128(b"arrow\0")

    def write(self, content: Any) -> int:
        self.hasher.update(content)
        return len(content)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass


def _table(d: Digester, value: Any) -> bytes:
    sink = _Sink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), value.schema) as stream:
        for batch in _windows(value):
            stream.write_batch(batch)
    return d.node("arrow", [_name(value), sink.hasher.digest()])


def _windows(table: Any) -> Iterator[Any]:
    nothing = table.slice(0, 0)
    for start in range(0, table.num_rows, WINDOW_ROWS):
        window = table.slice(start, WINDOW_ROWS)
        yield from pa.concat_tables([window, nothing]).combine_chunks().to_batches()


def _batch(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), d.token(pa.Table.from_batches([value]))])


def _array(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), d.token(_as_table(value, value.type))])


def _chunked(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), d.token(_as_table(value, value.type))])


def _as_table(value: Any, kind: Any) -> Any:
    plain = _WITHOUT_VIEWS.get(kind)
    if plain is not None:
        # Views keep the bytes of all rows, those outside of a slice too.
        value = value.cast(plain)
    return pa.table({"values": value})


_WITHOUT_VIEWS = {
    pa.string_view(): pa.large_string(),
    pa.binary_view(): pa.large_binary(),
}


def _scalar(d: Digester, value: Any) -> bytes:
    array = pa.array([value.as_py()], type=value.type)
    return d.node("arrow", [_name(value), d.token(array)])


def _schema(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), leaf("schema", value.serialize())])


def _field(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), d.token(pa.schema([value]))])


def _type(d: Digester, value: Any) -> bytes:
    return d.node("arrow", [_name(value), d.token(pa.field("", value))])


def _name(value: object) -> bytes:
    return leaf("type", type_name(type(value)).encode())


FAMILIES |= {
    pa.Table: _table,
    pa.RecordBatch: _batch,
    pa.Array: _array,
    pa.ChunkedArray: _chunked,
    pa.Scalar: _scalar,
    pa.Schema: _schema,
    pa.Field: _field,
    pa.DataType: _type,
}
