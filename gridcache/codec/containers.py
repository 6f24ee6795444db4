"""list, tuple, dict, set and frozenset of anything, by exact type.

How the items follow each other is in `items`.
"""

from collections.abc import Callable, Collection
from typing import Any

from gridcache.codec.families import DECODERS, ENCODERS, Decoder, Encoder
from gridcache.codec.items import put_items, take_items
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag
from gridcache.codec.writer import Writer
from gridcache.errors import CorruptFramesError

__all__: list[str] = []


def _writer_of(tag: Tag) -> Encoder:
    def write(writer: Writer, value: Collection[Any]) -> None:
        if writer.seen(value):
            return
        writer.stream.append(tag)
        writer.enter()
        put_items(writer, list(value))
        writer.leave()
        writer.written(value)

    return write


def _reader_of(build: Callable[[list[Any]], Collection[Any]]) -> Decoder:
    def read(reader: Reader) -> Collection[Any]:
        reader.enter()
        items = take_items(reader)
        reader.leave()
        value = build(items)
        if len(value) != len(items):
            msg = "a set with the same element twice"
            raise CorruptFramesError(msg)
        reader.memo.append(value)
        return value

    return read


def _write_dict(writer: Writer, value: dict[Any, Any]) -> None:
    if writer.seen(value):
        return
    writer.stream.append(Tag.DICT)
    writer.enter()
    put_items(writer, list(value))
    put_items(writer, list(value.values()))
    writer.leave()
    writer.written(value)


def _read_dict(reader: Reader) -> dict[Any, Any]:
    reader.enter()
    keys = take_items(reader)
    value = dict(zip(keys, take_items(reader), strict=True))
    reader.leave()
    if len(value) != len(keys):
        msg = "a dict with the same key twice"
        raise CorruptFramesError(msg)
    reader.memo.append(value)
    return value


def _same(items: list[Any]) -> list[Any]:
    return items


for _type, _tag, _build in (
    (list, Tag.LIST, _same),
    (tuple, Tag.TUPLE, tuple),
    (set, Tag.SET, set),
    (frozenset, Tag.FROZENSET, frozenset),
):
    ENCODERS[_type] = _writer_of(_tag)
    DECODERS[_tag] = _reader_of(_build)
ENCODERS[dict] = _write_dict
DECODERS[Tag.DICT] = _read_dict
