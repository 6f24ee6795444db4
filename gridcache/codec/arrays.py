"""numpy arrays and scalars: dtype, order and shape, and the raw bytes.

Covers every dtype of `dtypes` and exactly `numpy.ndarray`; objects, masked
arrays, matrices and other subclasses are pickled. Arrays come back read-only,
over the body where it is raw, or private and writable with `copy=True`. A
`numpy.memmap` comes back as an array.
"""

import math
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np

from gridcache.codec.dtypes import dtype_of, form_of
from gridcache.codec.families import DECODERS, ENCODERS
from gridcache.codec.plain import decode_text, encode_text
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag, put_uint
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import CorruptFramesError

__all__ = ["Layout", "array_over", "bytes_of", "layout_of", "put_layout", "take_layout"]

MAX_DIMENSIONS = 64

_FIXED, _TEXT, _BYTES = range(3)
"""Kinds of scalars: as a layout and its bytes, or with a length of their own."""


class Layout(NamedTuple):
    """What an array is, apart from its bytes."""

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    order: Literal["C", "F"]
    """"C", or "F" for arrays that are contiguous that way alone."""


def layout_of(array: np.ndarray[Any, Any]) -> Layout:
    """Return the layout in which `array` is stored; strided ones become "C"."""
    flags = array.flags
    fortran = flags.f_contiguous and not flags.c_contiguous
    return Layout(array.dtype, array.shape, "F" if fortran else "C")


def bytes_of(array: np.ndarray[Any, Any]) -> memoryview:
    """Return the bytes of `array` in its layout; a copy only if it is strided."""
    if array.nbytes == 0:
        return memoryview(b"")
    flat = array.ravel(order="K" if array.flags.forc else "C")
    return flat.view(np.uint8).data


def array_over(layout: Layout, data: memoryview, *, copy: bool) -> np.ndarray[Any, Any]:
    """Make the array whose bytes are `data`.

    Parameters
    ----------
    data
        Read-only.
    copy
        Give a private, writable array and let go of `data`.

    Raises
    ------
    CorruptFramesError
        If the number of bytes is not the layout's.
    """
    dtype, shape, order = layout
    if data.nbytes != math.prod(shape) * dtype.itemsize:
        msg = f"{data.nbytes} bytes for an array of {shape} {dtype}"
        raise CorruptFramesError(msg, nbytes=data.nbytes)
    # frombuffer keeps the memoryview itself, not just the object behind it: as
    # long as the array lives, the exporter knows that its memory is in use.
    owner = np.frombuffer(data, np.uint8) if data.nbytes else data
    array: np.ndarray[Any, Any] = np.ndarray(shape, dtype, owner, order=order)
    if copy:
        return array.copy(order="K")
    if not array.flags.aligned:
        array = array.copy(order="K")
        array.flags.writeable = False
    return array


def is_simple(dtype: np.dtype[Any]) -> bool:
    """Whether equality of dtypes decides all: no fields, no metadata, no class."""
    return dtype.kind != "V" and dtype.metadata is None


def _dtype_bytes(dtype: np.dtype[Any]) -> bytes | None:
    """Return the dtype as it stands in a stream, or None if it is not covered."""
    form = form_of(dtype)
    if form is None:
        return None
    writer = Writer()
    writer.enter()
    writer.value(form)
    return bytes(writer.stream) if not writer.buffers else None


_simple_dtype_bytes = lru_cache(maxsize=256)(_dtype_bytes)


def put_layout(writer: Writer, layout: Layout) -> None:
    """Append a layout.

    Raises
    ------
    NeedsPickle
        If its dtype is not covered.
    """
    simple = is_simple(layout.dtype)
    dtype = (_simple_dtype_bytes if simple else _dtype_bytes)(layout.dtype)
    if dtype is None:
        raise NeedsPickle(str(layout.dtype))
    stream = writer.stream
    stream += dtype
    put_uint(stream, len(layout.shape) << 1 | (layout.order == "F"))
    for length in layout.shape:
        put_uint(stream, length)


def take_layout(reader: Reader) -> Layout:
    """Read a layout."""
    dtype = dtype_of(reader.value())
    code = reader.uint()
    if code >> 1 > MAX_DIMENSIONS:
        msg = f"an array of {code >> 1} dimensions"
        raise CorruptFramesError(msg)
    shape = tuple(reader.uint() for _ in range(code >> 1))
    return Layout(dtype, shape, "F" if code & 1 else "C")


def _write_array(writer: Writer, array: np.ndarray[Any, Any]) -> None:
    if writer.seen(array):
        return
    writer.stream.append(Tag.ARRAY)
    put_layout(writer, layout_of(array))
    writer.buffer(bytes_of(array), aliased=True)
    writer.written(array)


def _read_array(reader: Reader) -> np.ndarray[Any, Any]:
    mark = len(reader.memo)
    layout = take_layout(reader)
    # The dtype's form is written once per dtype, outside of any memo.
    del reader.memo[mark:]
    data = reader.buffer()
    array = array_over(layout, data, copy=reader.copy and data.readonly)
    reader.memo.append(array)
    return array


def _write_text_scalar(writer: Writer, scalar: np.str_ | np.bytes_) -> None:
    # As arrays they would lose trailing zeros.
    text = isinstance(scalar, np.str_)
    data = encode_text(scalar) if isinstance(scalar, str) else bytes(scalar)
    writer.stream += bytes((Tag.NUMPY_SCALAR, _TEXT if text else _BYTES))
    put_uint(writer.stream, len(data))
    writer.stream += data


def _write_scalar(writer: Writer, scalar: np.generic) -> None:
    writer.stream += bytes((Tag.NUMPY_SCALAR, _FIXED))
    put_layout(writer, Layout(scalar.dtype, (), "C"))
    put_uint(writer.stream, scalar.nbytes)
    writer.stream += scalar.tobytes()


def _read_scalar(reader: Reader) -> np.generic:
    kind = reader.uint()
    if kind != _FIXED:
        data = memoryview(reader.raw(reader.uint()))
        return np.str_(decode_text(data)) if kind == _TEXT else np.bytes_(data)
    mark = len(reader.memo)
    layout = take_layout(reader)
    del reader.memo[mark:]
    data = memoryview(bytes(reader.raw(reader.uint())))
    if layout.shape:
        msg = f"a scalar of shape {layout.shape}"
        raise CorruptFramesError(msg)
    scalar: Any = array_over(layout, data, copy=True)[()]
    return scalar  # type: ignore[no-any-return]


ENCODERS[np.ndarray] = _write_array
# A memory map is an array of a file that is elsewhere; its data is what is kept.
ENCODERS[np.memmap] = _write_array
DECODERS[Tag.ARRAY] = _read_array
DECODERS[Tag.NUMPY_SCALAR] = _read_scalar
ENCODERS[np.str_] = ENCODERS[np.bytes_] = _write_text_scalar
for _scalar in {dtype.type for dtype in map(np.dtype, np.typecodes["All"])}:
    if not issubclass(_scalar, np.object_):
        ENCODERS.setdefault(_scalar, _write_scalar)
