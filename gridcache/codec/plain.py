"""None, numbers, text and bytes, by exact type.

At the root, text and bytes are the body itself, behind a header that depends on
their length alone; inside containers they are embedded while small. Does not
cover numpy's scalars (`arrays`).
"""

import struct
from typing import Any

from gridcache.codec.families import DECODERS, ENCODERS, Decoder, Encoder
from gridcache.codec.reader import Reader
from gridcache.codec.wire import Tag, put_uint
from gridcache.codec.writer import Writer
from gridcache.errors import CorruptFramesError

__all__ = ["decode_text", "encode_text"]

SHORT_INT = 0x80
"""Below this, and not negative, an int is one byte."""

_FLOAT = struct.Struct("<d")
_COMPLEX = struct.Struct("<dd")


def encode_text(text: str) -> bytes:
    """UTF-8, in which lone surrogates are let through."""
    return text.encode("utf-8", "surrogatepass")


def decode_text(data: bytes | memoryview) -> str:
    """Undo `encode_text`."""
    return str(data, "utf-8", "surrogatepass")


def _constant(tag: Tag, constant: object) -> tuple[Encoder, Decoder]:
    def write(writer: Writer, value: Any) -> None:
        writer.stream.append(tag)

    def read(reader: Reader) -> object:
        return constant

    return write, read


def _write_bool(writer: Writer, value: bool) -> None:
    writer.stream.append(Tag.TRUE if value else Tag.FALSE)


def _write_int(writer: Writer, value: int) -> None:
    if 0 <= value < SHORT_INT:
        writer.stream += bytes((Tag.INT, 1, value))
        return
    nbytes = value.bit_length() // 8 + 1
    writer.stream.append(Tag.INT)
    put_uint(writer.stream, nbytes)
    writer.stream += value.to_bytes(nbytes, "little", signed=True)


def _read_int(reader: Reader) -> int:
    stream, pos = reader.stream, reader.pos
    if stream[pos] == 1:
        reader.pos = pos + 2
        byte = stream[pos + 1]
        return byte if byte < SHORT_INT else byte - 2 * SHORT_INT
    return int.from_bytes(reader.raw(reader.uint()), "little", signed=True)


def _write_float(writer: Writer, value: float) -> None:
    writer.stream.append(Tag.FLOAT)
    writer.stream += _FLOAT.pack(value)


def _read_float(reader: Reader) -> float:
    number: float = _FLOAT.unpack_from(reader.stream, reader.pos)[0]
    reader.pos += 8
    return number


def _write_complex(writer: Writer, value: complex) -> None:
    writer.stream.append(Tag.COMPLEX)
    writer.stream += _COMPLEX.pack(value.real, value.imag)


def _read_complex(reader: Reader) -> complex:
    return complex(*_COMPLEX.unpack(reader.raw(16)))


def _write_str(writer: Writer, value: str) -> None:
    writer.stream.append(Tag.STR)
    writer.bulk(encode_text(value))


def _read_str(reader: Reader) -> str:
    return decode_text(reader.bulk())


def _write_bytes(writer: Writer, value: bytes) -> None:
    writer.stream.append(Tag.BYTES)
    writer.bulk(value)


def _read_bytes(reader: Reader) -> bytes:
    return take_bytes(memoryview(reader.bulk()))


def take_bytes(data: memoryview) -> bytes:
    """Bytes of a read-only view; no copy where it shows a whole bytes object."""
    owner = data.obj
    if type(owner) is bytes and len(owner) == data.nbytes:
        return owner
    return bytes(data)


def _write_bytearray(writer: Writer, value: bytearray) -> None:
    if writer.seen(value):
        return
    writer.stream.append(Tag.BYTEARRAY)
    writer.buffer(memoryview(value), aliased=False)
    writer.written(value)


def _read_bytearray(reader: Reader) -> bytearray:
    array = bytearray(reader.buffer())
    reader.memo.append(array)
    return array


def _read_shared(reader: Reader) -> Any:
    index = reader.uint()
    if index >= len(reader.memo):
        msg = f"a reference to part {index}, which is not there"
        raise CorruptFramesError(msg, index=index)
    return reader.memo[index]


_write_none, _read_none = _constant(Tag.NONE, None)

ENCODERS.update(
    {
        type(None): _write_none,
        bool: _write_bool,
        int: _write_int,
        float: _write_float,
        complex: _write_complex,
        str: _write_str,
        bytes: _write_bytes,
        bytearray: _write_bytearray,
    }
)
DECODERS.update(
    {
        Tag.NONE: _read_none,
        Tag.TRUE: _constant(Tag.TRUE, True)[1],
        Tag.FALSE: _constant(Tag.FALSE, False)[1],
        Tag.INT: _read_int,
        Tag.FLOAT: _read_float,
        Tag.COMPLEX: _read_complex,
        Tag.STR: _read_str,
        Tag.BYTES: _read_bytes,
        Tag.BYTEARRAY: _read_bytearray,
        Tag.SHARED: _read_shared,
    }
)
