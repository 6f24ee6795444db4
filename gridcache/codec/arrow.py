"""pyarrow tables, record batches, arrays and chunked arrays, buffer by buffer.

Encoding copies nothing unless an array is a slice: then only its part is kept,
never the parent's memory. Decoding lays the arrays over the body. The schema
travels as an Arrow IPC message. Unions, run-end encodings and list views are
pickled, as are extension types that are not registered.

Built from buffers and not read from an IPC stream, because every buffer then
starts at a cache line, is compressed by itself, and declares no size that is
not checked against the body. Lengths are always checked; offsets into texts and
lists and codes into dictionaries only with `allow_pickle=False`, since that
costs a look at each.
"""

from typing import Any

import pyarrow as pa
import xxhash

from gridcache.codec.arrow_arrays import put_array, take_array
from gridcache.codec.families import DECODERS, ENCODERS
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag, put_uint
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError

__all__: list[str] = []

CHECKSUM_NBYTES = 8

_TABLE, _BATCH, _CHUNKED, _ARRAY = range(4)


def _put_schema(writer: Writer, schema: Any) -> None:
    message = schema.serialize()
    if not pa.ipc.read_schema(message).equals(schema, check_metadata=True):
        msg = "an extension type that is not registered"
        raise NeedsPickle(msg)
    put_uint(writer.stream, message.size)
    writer.stream += xxhash.xxh3_64_digest(message)
    writer.stream += message


def _take_schema(reader: Reader) -> Any:
    nbytes = reader.uint()
    checksum = bytes(reader.raw(CHECKSUM_NBYTES))
    message = bytes(reader.raw(nbytes))
    # Native code trusts a schema that parses, and some of it crashes.
    if xxhash.xxh3_64_digest(message) != checksum:
        msg = "the bytes of an Arrow schema are damaged"
        raise CorruptFramesError(msg)
    return pa.ipc.read_schema(pa.py_buffer(message))


def _put_chunks(writer: Writer, chunked: Any) -> None:
    put_uint(writer.stream, chunked.num_chunks)
    for chunk in chunked.chunks:
        put_array(writer, chunk)


def _take_chunks(reader: Reader, kind: Any) -> Any:
    chunks = [_take_valid(reader, kind) for _ in range(reader.count())]
    return pa.chunked_array(chunks, type=kind)


def _take_valid(reader: Reader, kind: Any) -> Any:
    array = take_array(reader, kind)
    # Who may not run code in us may not make us read beyond a buffer either;
    # the full check looks at every offset, so it is not paid otherwise.
    array.validate(full=not reader.allow_pickle)
    return array


def _encoder(kind: int) -> Any:
    def write(writer: Writer, value: Any) -> None:
        if writer.seen(value):
            return
        writer.stream += bytes((Tag.ARROW, kind))
        writer.enter()
        try:
            _PUT[kind](writer, value)
        except pa.ArrowException as exc:
            raise NeedsPickle(str(exc)) from exc
        writer.leave()
        writer.written(value)

    return write


def _put_table(writer: Writer, table: Any) -> None:
    if not table.num_columns and table.num_rows:
        msg = "rows without a column"
        raise NeedsPickle(msg)
    _put_schema(writer, table.schema)
    for column in table.itercolumns():
        _put_chunks(writer, column)


def _put_batch(writer: Writer, batch: Any) -> None:
    _put_schema(writer, batch.schema)
    put_uint(writer.stream, batch.num_rows)
    for column in batch.columns:
        put_array(writer, column)


def _put_chunked(writer: Writer, chunked: Any) -> None:
    _put_schema(writer, pa.schema([("", chunked.type)]))
    _put_chunks(writer, chunked)


def _put_single(writer: Writer, array: Any) -> None:
    _put_schema(writer, pa.schema([("", array.type)]))
    put_array(writer, array)


def _take_table(reader: Reader) -> Any:
    schema = _take_schema(reader)
    columns = [_take_chunks(reader, field.type) for field in schema]
    table = pa.Table.from_arrays(columns, schema=schema)
    table.validate()
    return table


def _take_batch(reader: Reader) -> Any:
    schema = _take_schema(reader)
    rows = reader.uint()
    columns = [_take_valid(reader, field.type) for field in schema]
    batch = pa.RecordBatch.from_arrays(columns, schema=schema)
    if batch.num_rows != rows:
        msg = f"a batch of {batch.num_rows} rows, declared are {rows}"
        raise CorruptFramesError(msg, rows=rows)
    batch.validate()
    return batch


def _take_chunked(reader: Reader) -> Any:
    return _take_chunks(reader, _take_schema(reader).field(0).type)


def _take_single(reader: Reader) -> Any:
    return _take_valid(reader, _take_schema(reader).field(0).type)


def _read(reader: Reader) -> Any:
    take = _TAKE.get(reader.uint())
    if take is None:
        msg = "an unknown kind of Arrow value"
        raise CorruptFramesError(msg)
    reader.enter()
    try:
        value = take(reader)
    except pa.ArrowMemoryError:
        raise
    except pa.ArrowException as exc:
        msg = f"the parts of an Arrow value do not fit together: {exc}"
        raise CorruptFramesError(msg) from exc
    reader.leave()
    reader.memo.append(value)
    return value


_PUT = {
    _TABLE: _put_table,
    _BATCH: _put_batch,
    _CHUNKED: _put_chunked,
    _ARRAY: _put_single,
}
_TAKE = {
    _TABLE: _take_table,
    _BATCH: _take_batch,
    _CHUNKED: _take_chunked,
    _ARRAY: _take_single,
}

ENCODERS[pa.Table] = _encoder(_TABLE)
ENCODERS[pa.RecordBatch] = _encoder(_BATCH)
ENCODERS[pa.ChunkedArray] = _encoder(_CHUNKED)
for _kind in [each for each in vars(pa.lib).values() if isinstance(each, type)]:
    if issubclass(_kind, pa.Array) and _kind is not pa.ExtensionArray:
        ENCODERS[_kind] = _encoder(_ARRAY)
ENCODERS[pa.ExtensionArray] = _encoder(_ARRAY)
DECODERS[Tag.ARROW] = _read
