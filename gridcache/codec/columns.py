"""The items of a container: one by one, or as a column if all are of one type.

A column of numbers is one numpy array, so a list of a million ints costs a copy
and not a million calls. Short lists go one by one.
"""

from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from typing import Any

import numpy as np

from gridcache.codec.plain import decode_text, encode_text
from gridcache.codec.reader import Reader
from gridcache.codec.wire import put_uint
from gridcache.codec.writer import Writer
from gridcache.errors import CorruptFramesError

__all__ = ["put_items", "take_items"]

MIN_COLUMN = 16
"""Fewer items are as quick one by one."""


class _Kind(IntEnum):
    MIXED = 0
    INTS = 1
    FLOATS = 2
    TEXTS = 3
    BLOBS = 4


_INT_WIDTHS = tuple(np.dtype(code) for code in ("<i1", "<i2", "<i4", "<i8"))
_FLOAT = np.dtype("<f8")
_LENGTH = np.dtype("<u8")


def put_items(writer: Writer, items: list[Any]) -> None:
    """Append the number of items, their kind and the items."""
    put_uint(writer.stream, len(items))
    if len(items) >= MIN_COLUMN:
        kinds = set(map(type, items))
        put = _COLUMNS.get(kinds.pop()) if len(kinds) == 1 else None
        if put is not None and put(writer, items):
            return
    writer.stream.append(_Kind.MIXED)
    for item in items:
        writer.value(item)


def take_items(reader: Reader) -> list[Any]:
    """Read what `put_items` wrote."""
    count = reader.uint()
    kind = reader.uint()
    if kind == _Kind.MIXED:
        return _take_mixed(reader, count)
    take = _TAKE.get(kind)
    if take is None:
        msg = f"unknown kind of column {kind}"
        raise CorruptFramesError(msg, column=kind)
    items = take(reader)
    if len(items) != count:
        msg = f"a column of {len(items)} items, declared are {count}"
        raise CorruptFramesError(msg, count=count)
    return items


def _take_mixed(reader: Reader, count: int) -> list[Any]:
    if count > len(reader.stream) - reader.pos:
        msg = f"{count} items declared and fewer bytes left"
        raise CorruptFramesError(msg, count=count)
    return [reader.value() for _ in range(count)]


def _put_array(writer: Writer, kind: _Kind, column: np.ndarray[Any, Any]) -> None:
    writer.stream.append(kind)
    writer.stream.append(column.itemsize)
    writer.buffer(column.data.cast("B"), aliased=False)


def _put_ints(writer: Writer, items: list[int]) -> bool:
    try:
        column = np.array(items, dtype=_INT_WIDTHS[-1])
    except OverflowError:
        return False
    low, high = int(column.min()), int(column.max())
    bits = max((~low if low < 0 else low).bit_length(), high.bit_length()) + 1
    narrow = next(dtype for dtype in _INT_WIDTHS if dtype.itemsize * 8 >= bits)
    _put_array(writer, _Kind.INTS, column.astype(narrow, copy=False))
    return True


def _take_ints(reader: Reader) -> list[Any]:
    width = reader.uint()
    dtype = next((each for each in _INT_WIDTHS if each.itemsize == width), None)
    if dtype is None:
        msg = f"integers of {width} bytes"
        raise CorruptFramesError(msg, width=width)
    items: list[int] = np.frombuffer(reader.buffer(), dtype).tolist()
    return items


def _put_floats(writer: Writer, items: list[float]) -> bool:
    _put_array(writer, _Kind.FLOATS, np.array(items, dtype=_FLOAT))
    return True


def _take_floats(reader: Reader) -> list[Any]:
    reader.uint()
    items: list[float] = np.frombuffer(reader.buffer(), _FLOAT).tolist()
    return items


def _put_texts(writer: Writer, items: list[str]) -> bool:
    _put_array(writer, _Kind.TEXTS, _lengths(items))
    writer.buffer(memoryview(encode_text("".join(items))), aliased=False)
    return True


def _take_texts(reader: Reader) -> list[Any]:
    ends = _take_ends(reader)
    text = decode_text(reader.buffer())
    _check_end(ends, len(text))
    return [text[start:end] for start, end in pairwise(ends)]


def _put_blobs(writer: Writer, items: list[bytes]) -> bool:
    _put_array(writer, _Kind.BLOBS, _lengths(items))
    writer.buffer(memoryview(b"".join(items)), aliased=False)
    return True


def _take_blobs(reader: Reader) -> list[Any]:
    ends = _take_ends(reader)
    data = reader.buffer()
    _check_end(ends, data.nbytes)
    return [bytes(data[start:end]) for start, end in pairwise(ends)]


def _lengths(items: list[Any]) -> np.ndarray[Any, Any]:
    lengths = np.fromiter(map(len, items), _LENGTH, len(items))
    wide = int(lengths.max())
    width = next(size for size in (1, 2, 4, 8) if wide < 1 << 8 * size)
    return lengths.astype(f"<u{width}", copy=False)


def _take_ends(reader: Reader) -> list[int]:
    width = reader.uint()
    if width not in (1, 2, 4, 8):
        msg = f"lengths of {width} bytes"
        raise CorruptFramesError(msg, width=width)
    lengths = np.frombuffer(reader.buffer(), f"<u{width}")
    # Python's ints cannot wrap round, as a sum of declared 64-bit lengths could.
    ends = [0]
    for length in lengths.tolist():
        ends.append(ends[-1] + length)
    return ends


def _check_end(ends: list[int], nbytes: int) -> None:
    if ends[-1] != nbytes:
        msg = f"items of {ends[-1]} bytes in all where {nbytes} are"
        raise CorruptFramesError(msg)


_COLUMNS: dict[type, Callable[[Writer, list[Any]], bool]] = {
    int: _put_ints,
    float: _put_floats,
    str: _put_texts,
    bytes: _put_blobs,
}
_TAKE: dict[int, Callable[[Reader], list[Any]]] = {
    _Kind.INTS: _take_ints,
    _Kind.FLOATS: _take_floats,
    _Kind.TEXTS: _take_texts,
    _Kind.BLOBS: _take_blobs,
}
