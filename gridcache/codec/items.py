"""The items of a container: one by one, as a column, or as rows of columns.

Many items of one type are a column (`columns`), also where some of them are
None. Many dicts with the same keys, or tuples or lists of one length, are rows:
stored column by column, so that records cost no call per field. Few items go
one by one.
"""

from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any

import numpy as np

from gridcache.codec.columns import ColumnKind, put_column, take_column
from gridcache.codec.reader import Reader
from gridcache.codec.wire import put_uint
from gridcache.codec.writer import Writer
from gridcache.errors import CorruptFramesError

__all__ = ["put_items", "take_items"]

MIN_COLUMN = 16
"""Fewer items are as quick one by one."""
MAX_WIDTH = 256
"""Fields of a row; wider ones gain nothing."""

_NONE = type(None)


def put_items(writer: Writer, items: list[Any]) -> None:
    """Append the number of items, how they follow, and the items."""
    put_uint(writer.stream, len(items))
    if len(items) >= MIN_COLUMN and _put_together(writer, items):
        return
    writer.stream.append(ColumnKind.MIXED)
    value = writer.value
    for item in items:
        value(item)


def take_items(reader: Reader) -> list[Any]:
    """Read what `put_items` wrote."""
    count = reader.uint()
    kind = reader.uint()
    if kind == ColumnKind.MIXED:
        _check_count(reader, count)
        value = reader.value
        return [value() for _ in range(count)]
    if kind == ColumnKind.GAPS:
        items = _take_gaps(reader)
    elif kind == ColumnKind.ROWS:
        items = _take_rows(reader, count)
    else:
        items = take_column(reader, kind)
    if len(items) != count:
        msg = f"a column of {len(items)} items, declared are {count}"
        raise CorruptFramesError(msg, count=count)
    return items


def _check_count(reader: Reader, count: int) -> None:
    if count > len(reader.stream) - reader.pos:
        msg = f"{count} items declared and fewer bytes left"
        raise CorruptFramesError(msg, count=count)


def _put_together(writer: Writer, items: list[Any]) -> bool:
    kinds = set(map(type, items))
    if len(kinds) == 1:
        kind = kinds.pop()
        width = _width_of_rows(writer, kind, items)
        if width:
            _put_rows(writer, kind, items)
        return width > 0 or put_column(writer, kind, items)
    if len(kinds) == 2 and _NONE in kinds:  # noqa: PLR2004 - None and another
        kinds.remove(_NONE)
        return _put_gaps(writer, kinds.pop(), items)
    return False


def _put_gaps(writer: Writer, kind: type, items: list[Any]) -> bool:
    there = [item is not None for item in items]
    mark = writer.mark()
    writer.stream.append(ColumnKind.GAPS)
    writer.buffer(np.packbits(there).data, aliased=False)
    present = [item for item in items if item is not None]
    put_uint(writer.stream, len(items))
    put = put_column(writer, kind, present)
    if not put:
        writer.back_to(mark)
    return put


def _take_gaps(reader: Reader) -> list[Any]:
    bits = np.frombuffer(reader.buffer(), np.uint8)
    count = reader.uint()
    if count > bits.size * 8:
        msg = f"{count} items declared and {bits.size} bytes of gaps"
        raise CorruptFramesError(msg, count=count)
    there = np.unpackbits(bits, count=count).tolist()
    present = take_column(reader, reader.uint())
    if sum(there) != len(present):
        msg = f"{len(present)} items where the gaps leave {sum(there)}"
        raise CorruptFramesError(msg)
    items = iter(present)
    return [next(items) if one else None for one in there]


def _width_of_rows(writer: Writer, kind: type, items: list[Any]) -> int:
    """Return the fields of each row; 0 if the items are no rows."""
    if kind not in _BUILD:
        return 0
    width = len(items[0])
    same = 0 < width <= MAX_WIDTH and set(map(len, items)) == {width}
    if same and kind is dict:
        keys = list(items[0])
        same = all(map(keys.__eq__, map(list, items)))
        # 1 and True are equal and not the same key; of texts only one is equal.
        same = same and set(map(type, chain.from_iterable(items))) == {str}
    return width if same and writer.all_new(items) else 0


def _put_rows(writer: Writer, kind: type, rows: list[Any]) -> None:
    writer.stream.append(ColumnKind.ROWS)
    writer.stream.append(_KINDS.index(kind))
    put_uint(writer.stream, len(rows[0]))
    writer.enter()
    if kind is dict:
        put_items(writer, list(rows[0]))
        rows_of_values: Iterable[Any] = map(dict.values, rows)
    else:
        rows_of_values = rows
    for column in zip(*rows_of_values, strict=True):
        put_items(writer, list(column))
    writer.leave()
    writer.all_written(rows)


def _take_rows(reader: Reader, count: int) -> list[Any]:
    kind = _KINDS[reader.uint()]
    width = reader.count()
    reader.enter()
    keys = take_items(reader) if kind is dict else []
    columns = [take_items(reader) for _ in range(width)]
    reader.leave()
    if {*map(len, columns)} != {count} or (kind is dict and len(keys) != width):
        msg = "the columns of rows do not fit together"
        raise CorruptFramesError(msg, count=count)
    rows = _BUILD[kind](keys, zip(*columns, strict=True))
    reader.memo.extend(rows)
    return rows


_KINDS: tuple[type, ...] = (dict, tuple, list)
_BUILD: dict[type, Callable[[list[Any], Iterable[Any]], list[Any]]] = {
    dict: lambda keys, rows: [dict(zip(keys, row, strict=True)) for row in rows],
    tuple: lambda _, rows: list(rows),
    list: lambda _, rows: list(map(list, rows)),
}
