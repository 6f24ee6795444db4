"""Columns: many numbers, texts, bytes or truths of exactly one type.

A column of numbers is one numpy array, so a list of a million ints costs a copy
and not a million calls. Which items become a column is decided in `items`.
"""

from collections.abc import Callable
from enum import IntEnum
from itertools import pairwise
from typing import Any

import numpy as np

from gridcache.codec.plain import decode_text, encode_text
from gridcache.codec.reader import Reader
from gridcache.codec.writer import Writer
from gridcache.errors import CorruptFramesError

__all__ = ["ColumnKind", "put_column", "take_column"]


class ColumnKind(IntEnum):
    """How items follow; the first three kinds are those of `items`."""

    MIXED = 0
    GAPS = 1
    ROWS = 2
    INTS = 3
    FLOATS = 4
    TEXTS = 5
    BLOBS = 6
    TRUTHS = 7


_INT_WIDTHS = tuple(np.dtype(code) for code in ("<i1", "<i2", "<i4", "<i8"))
_FLOAT = np.dtype("<f8")
_LENGTH = np.dtype("<u8")


def put_column(writer: Writer, kind: type, items: list[Any]) -> bool:
    """Append `items`, all exactly of `kind`, as a column; False if it has none."""
    put = _COLUMNS.get(kind)
    return put is not None and put(writer, items)


def take_column(reader: Reader, kind: int) -> list[Any]:
    """Read what `put_column` wrote behind its kind; the caller checks the length."""
    take = _TAKE.get(kind)
    if take is None:
        msg = f"unknown kind of column {kind}"
        raise CorruptFramesError(msg, column=kind)
    return take(reader)


def _put_array(writer: Writer, kind: ColumnKind, column: np.ndarray[Any, Any]) -> None:
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
    _put_array(writer, ColumnKind.INTS, column.astype(narrow, copy=False))
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
    _put_array(writer, ColumnKind.FLOATS, np.array(items, dtype=_FLOAT))
    return True


def _take_floats(reader: Reader) -> list[Any]:
    reader.uint()
    items: list[float] = np.frombuffer(reader.buffer(), _FLOAT).tolist()
    return items


def _put_texts(writer: Writer, items: list[str]) -> bool:
    _put_array(writer, ColumnKind.TEXTS, _lengths(items))
    writer.buffer(memoryview(encode_text("".join(items))), aliased=False)
    return True


def _take_texts(reader: Reader) -> list[Any]:
    ends = _take_ends(reader)
    text = decode_text(reader.buffer())
    _check_end(ends, len(text))
    return [text[start:end] for start, end in pairwise(ends)]


def _put_blobs(writer: Writer, items: list[bytes]) -> bool:
    _put_array(writer, ColumnKind.BLOBS, _lengths(items))
    writer.buffer(memoryview(b"".join(items)), aliased=False)
    return True


def _take_blobs(reader: Reader) -> list[Any]:
    ends = _take_ends(reader)
    data = reader.buffer()
    _check_end(ends, data.nbytes)
    return [bytes(data[start:end]) for start, end in pairwise(ends)]


def _put_truths(writer: Writer, items: list[bool]) -> bool:
    writer.stream.append(ColumnKind.TRUTHS)
    writer.buffer(memoryview(bytes(items)), aliased=False)
    return True


def _take_truths(reader: Reader) -> list[Any]:
    return list(map(bool, reader.buffer()))


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
    bool: _put_truths,
}
_TAKE: dict[int, Callable[[Reader], list[Any]]] = {
    ColumnKind.INTS: _take_ints,
    ColumnKind.FLOATS: _take_floats,
    ColumnKind.TEXTS: _take_texts,
    ColumnKind.BLOBS: _take_blobs,
    ColumnKind.TRUTHS: _take_truths,
}
