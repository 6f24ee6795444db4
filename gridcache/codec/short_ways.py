"""Short ways for the commonest values at the root: no writer, no reader.

The format is that of the general way, byte for byte (a test compares them);
only the work is less. A short way may always decline: `encode` and `decode`
then go the general way, which also finds the words for what is wrong.
"""

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np

from gridcache.codec.arrays import (
    Layout,
    array_over,
    bytes_of,
    is_simple,
    layout_of,
    put_layout,
    take_layout,
)
from gridcache.codec.frames import Frames
from gridcache.codec.plain import decode_text, encode_text, take_bytes
from gridcache.codec.reader import Buffers, Reader
from gridcache.codec.wire import VERSION, Slot, Tag, put_table, put_uint, take_table
from gridcache.codec.writer import HEADER_STREAM_NBYTES, NeedsPickle, Writer

__all__ = ["DECODE_SHORT", "ENCODE_SHORT", "NOT_SHORT"]

NOT_SHORT: Final = object()
"""Returned for headers that need the general way."""

EncodeShort: TypeAlias = Callable[[Any], Frames | None]
DecodeShort: TypeAlias = Callable[[bytes, memoryview, bool], Any]
"""Called with header, body and whether the value must be private."""

_FLOAT = struct.Struct("<3sd")
_FLOAT_HEAD = bytes((VERSION, Tag.FLOAT, 0))
_INT_HEAD = bytes((VERSION, Tag.INT, 0))
_INT_START = len(_INT_HEAD) + 1


@lru_cache(maxsize=4096)
def _one_buffer(tag: int, nbytes: int) -> bytes:
    """Header of a value that is one raw buffer and nothing else."""
    out = bytearray((VERSION, tag))
    put_table(out, [Slot(nbytes, aliased=False, raw_nbytes=nbytes)])
    put_uint(out, 1)
    return bytes(out)


def _encode_bytes(value: bytes) -> Frames:
    nbytes = len(value)
    return Frames(_one_buffer(Tag.BYTES, nbytes), (memoryview(value),), False, nbytes)


def _decode_bytes(header: bytes, body: memoryview, copy: bool) -> Any:
    if header != _one_buffer(Tag.BYTES, body.nbytes):
        return NOT_SHORT
    return take_bytes(body)


def _encode_str(value: str) -> Frames:
    data = encode_text(value)
    nbytes = len(data)
    return Frames(_one_buffer(Tag.STR, nbytes), (memoryview(data),), False, nbytes)


def _decode_str(header: bytes, body: memoryview, copy: bool) -> Any:
    if header != _one_buffer(Tag.STR, body.nbytes):
        return NOT_SHORT
    return decode_text(body)


class _Constant:
    """A value that is its tag."""

    __slots__ = ("_header", "_value", "frames")

    def __init__(self, tag: Tag, value: object) -> None:
        self._header = bytes((VERSION, tag, 0))
        self._value = value
        self.frames = Frames(self._header, ())

    def decode(self, header: bytes, body: memoryview, copy: bool) -> Any:
        if header == self._header and not body.nbytes:
            return self._value
        return NOT_SHORT


def _encode_int(value: int) -> Frames | None:
    nbytes = value.bit_length() // 8 + 1
    if nbytes > 8:  # noqa: PLR2004 - longer ones are rare
        return None
    header = (
        _INT_HEAD + bytes((nbytes,)) + value.to_bytes(nbytes, "little", signed=True)
    )
    return Frames(header, ())


def _decode_int(header: bytes, body: memoryview, copy: bool) -> Any:
    nbytes = len(header) - _INT_START
    if nbytes < 1 or body.nbytes or header[2] or header[3] != nbytes:
        return NOT_SHORT
    return int.from_bytes(header[_INT_START:], "little", signed=True)


def _encode_float(value: float) -> Frames:
    return Frames(_FLOAT.pack(_FLOAT_HEAD, value), ())


def _decode_float(header: bytes, body: memoryview, copy: bool) -> Any:
    if body.nbytes or len(header) != _FLOAT.size or header[2]:
        return NOT_SHORT
    return _FLOAT.unpack(header)[1]


@lru_cache(maxsize=1024)
def _array_header(layout: Layout, nbytes: int) -> bytes | None:
    writer = Writer()
    try:
        put_layout(writer, layout)
    except NeedsPickle:
        return None
    if len(writer.stream) >= HEADER_STREAM_NBYTES:
        return None
    header = bytearray((VERSION, Tag.ARRAY))
    put_table(header, [Slot(nbytes, aliased=True, raw_nbytes=nbytes)])
    header += writer.stream
    put_uint(header, 1)
    return bytes(header)


def _encode_array(array: np.ndarray[Any, Any]) -> Frames | None:
    if not is_simple(array.dtype):
        return None
    nbytes = array.nbytes
    header = _array_header(layout_of(array), nbytes)
    if header is None:
        return None
    return Frames(header, (bytes_of(array),), True, nbytes)


@lru_cache(maxsize=1024)
def _array_layout(header: bytes) -> tuple[Layout, int] | None:
    """Return layout and nbytes of an array whose one buffer is raw."""
    slots, position = take_table(header)
    nothing = Buffers([], [])
    reader = Reader(header[position:], nothing, allow_pickle=False, copy=False)
    layout = take_layout(reader)
    whole = reader.uint() == 1 and reader.pos == len(reader.stream)
    if len(slots) != 1 or slots[0].lz4 or not whole:
        return None
    return layout, slots[0].stored_nbytes


def _decode_array(header: bytes, body: memoryview, copy: bool) -> Any:
    found = _array_layout(header)
    if found is None or found[1] != body.nbytes:
        return NOT_SHORT
    return array_over(found[0], body.toreadonly(), copy=copy)


_NONE = _Constant(Tag.NONE, None)
_TRUE = _Constant(Tag.TRUE, True)
_FALSE = _Constant(Tag.FALSE, False)

ENCODE_SHORT: dict[type, EncodeShort] = {
    bytes: _encode_bytes,
    str: _encode_str,
    type(None): lambda _: _NONE.frames,
    bool: lambda value: (_TRUE if value else _FALSE).frames,
    int: _encode_int,
    float: _encode_float,
    np.ndarray: _encode_array,
}
DECODE_SHORT: dict[bytes, DecodeShort] = {
    bytes((VERSION, Tag.BYTES)): _decode_bytes,
    bytes((VERSION, Tag.STR)): _decode_str,
    bytes((VERSION, Tag.NONE)): _NONE.decode,
    bytes((VERSION, Tag.TRUE)): _TRUE.decode,
    bytes((VERSION, Tag.FALSE)): _FALSE.decode,
    bytes((VERSION, Tag.INT)): _decode_int,
    bytes((VERSION, Tag.FLOAT)): _decode_float,
    bytes((VERSION, Tag.ARRAY)): _decode_array,
}
