"""Arrow arrays as buffers: taken apart without a copy, laid over the body again.

Covers flat, text, list, map, struct, dictionary and extension arrays. Does not
cover types and schemas, which the caller keeps, nor tables (`arrow`).
"""

from typing import Any

import pyarrow as pa

from gridcache.codec.reader import Reader
from gridcache.codec.wire import put_uint
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError

__all__ = ["HAS_VIEWS", "put_array", "take_array"]

MAX_WASTE = 1 / 8
"""Part of an array's bytes that may belong to nobody before it is compacted."""
PADDING_NBYTES = 256
"""Arrow rounds its allocations up; that is no waste."""
VIEW_NBYTES = 16
"""Length, start of the text and where it is, in arrays of views."""
ALIGNMENT_NBYTES = 8
"""What Arrow's kernels rely on."""


def _ids(*names: str) -> frozenset[int]:
    found = (getattr(pa.lib, f"Type_{name}", None) for name in names)
    return frozenset(each for each in found if each is not None)


# fmt: off
_FLAT = _ids(
    "NA", "BOOL", "INT8", "INT16", "INT32", "INT64", "UINT8", "UINT16", "UINT32",
    "UINT64", "HALF_FLOAT", "FLOAT", "DOUBLE", "DECIMAL32", "DECIMAL64",
    "DECIMAL128", "DECIMAL256", "DATE32", "DATE64", "TIME32", "TIME64", "TIMESTAMP",
    "DURATION", "INTERVAL_MONTH_DAY_NANO", "FIXED_SIZE_BINARY", "BINARY", "STRING",
    "LARGE_BINARY", "LARGE_STRING",
)
# fmt: on


def _rebuilds_views() -> bool:
    """Whether this version of Arrow makes views of more than one text buffer."""
    nothing = pa.py_buffer(b"")
    try:
        pa.Array.from_buffers(pa.string_view(), 0, [None, nothing, nothing, nothing])
    except (ValueError, pa.ArrowException):
        return False
    return True


HAS_VIEWS = _rebuilds_views()
_VIEWS = _ids("BINARY_VIEW", "STRING_VIEW") if HAS_VIEWS else frozenset()
_LISTS = _ids("LIST", "LARGE_LIST", "FIXED_SIZE_LIST", "MAP")
_STRUCT = _ids("STRUCT")


def put_array(writer: Writer, array: Any) -> None:
    """Append a `pyarrow.Array` without its type.

    Raises
    ------
    NeedsPickle
        If its type is not covered.
    """
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        put_array(writer, array.storage)
    elif isinstance(kind, pa.DictionaryType):
        put_array(writer, array.indices)
        put_array(writer, array.dictionary)
    else:
        _put_buffers(writer, _compact(array))


def _put_buffers(writer: Writer, array: Any) -> None:
    own, children = _own_buffers(array)
    put_uint(writer.stream, len(array))
    put_uint(writer.stream, len(own))
    for buffer in own:
        _put_buffer(writer, buffer)
    writer.enter()
    for child in children:
        put_array(writer, child)
    writer.leave()


def _own_buffers(array: Any) -> tuple[list[Any], list[Any]]:
    """Return the buffers of `array` itself, and its children."""
    kind, buffers = array.type, array.buffers()
    if kind.id in _FLAT or kind.id in _VIEWS:
        return buffers, []
    own = buffers[: kind.num_buffers]
    if kind.id in _LISTS:
        return own, [_entries(array) if kind.id in _MAP else array.values]
    if kind.id in _STRUCT:
        return own, [array.field(index) for index in range(kind.num_fields)]
    raise NeedsPickle(str(kind))


_MAP = _ids("MAP")


def _entries(array: Any) -> Any:
    fields = [array.type.key_field, array.type.item_field]
    return pa.StructArray.from_arrays([array.keys, array.items], fields=fields)


def _put_buffer(writer: Writer, buffer: Any) -> None:
    if buffer is None:
        writer.stream.append(0)
        return
    if not buffer.is_cpu:
        msg = "memory of another device"
        raise NeedsPickle(msg)
    writer.stream.append(1)
    writer.buffer(memoryview(buffer).cast("B"), aliased=True)


def _compact(array: Any) -> Any:
    """Return `array` from offset 0 and without the memory of a parent."""
    if array.offset == 0 and not _is_wasteful(array):
        return array
    if array.type.id in _VIEWS:
        # Concatenating views keeps all the memory that the parent looks at.
        text = array.type.id == pa.lib.Type_STRING_VIEW
        flat = array.cast(pa.large_string() if text else pa.large_binary())
        return flat.cast(array.type)
    return pa.concat_arrays([array])


def _is_wasteful(array: Any) -> bool:
    if array.type.id in _VIEWS:
        return bool(array.buffers()[1].size > len(array) * VIEW_NBYTES + PADDING_NBYTES)
    try:
        used = array.nbytes
    except pa.ArrowTypeError:
        # Older versions of Arrow cannot tell for views inside of others.
        return False
    waste = array.get_total_buffer_size() - used
    return bool(waste > max(PADDING_NBYTES, used * MAX_WASTE))


def take_array(reader: Reader, kind: Any) -> Any:
    """Read a `pyarrow.Array` of type `kind`; the caller validates it."""
    if isinstance(kind, pa.BaseExtensionType):
        return kind.wrap_array(take_array(reader, kind.storage_type))
    if isinstance(kind, pa.DictionaryType):
        indices = take_array(reader, kind.index_type)
        values = take_array(reader, kind.value_type)
        return pa.DictionaryArray.from_arrays(indices, values, ordered=kind.ordered)
    length = reader.uint()
    buffers = [_take_buffer(reader) for _ in range(reader.count())]
    reader.enter()
    children = [take_array(reader, child) for child in _child_types(kind)]
    reader.leave()
    _check_buffers(kind, buffers)
    return pa.Array.from_buffers(kind, length, buffers, children=children)


def _check_buffers(kind: Any, buffers: list[Any]) -> None:
    enough = len(buffers) == kind.num_buffers
    if kind.id in _VIEWS:
        present = all(buffer is not None for buffer in buffers[1:])
        enough = present and len(buffers) >= kind.num_buffers
    if not enough:
        msg = f"{len(buffers)} buffers for an Arrow array of {kind}"
        raise CorruptFramesError(msg)


def _child_types(kind: Any) -> list[Any]:
    if kind.id in _FLAT or kind.id in _VIEWS:
        return []
    if kind.id in _MAP:
        return [pa.struct([kind.key_field, kind.item_field])]
    if kind.id in _LISTS:
        return [kind.value_type]
    if kind.id in _STRUCT:
        return [kind.field(index).type for index in range(kind.num_fields)]
    msg = f"an Arrow type that is never written: {kind}"
    raise CorruptFramesError(msg)


def _take_buffer(reader: Reader) -> Any:
    if not reader.uint():
        return None
    data = reader.buffer()
    if reader.copy and data.readonly:
        return pa.py_buffer(bytes(data))
    buffer = pa.py_buffer(data)
    if buffer.address % ALIGNMENT_NBYTES:
        return pa.py_buffer(bytes(data))
    return buffer
