"""The header of frames: format version, tag, buffer table, and numbers in both.

header  = VERSION, tag, table, metadata of the tag
          or VERSION, SPILLED, table, tag: metadata over 256 bytes is buffer one
table   = count, then one entry per buffer
entry   = (stored nbytes << 2) | (aliased << 1) | lz4; raw nbytes follows if lz4
numbers = LEB128, least significant group first

All numbers are unsigned and end below 2**63. Does not cover the metadata, which
each family of types writes and reads itself, nor lz4 (`compression`).
"""

from enum import IntEnum
from typing import NamedTuple

from gridcache.codec.frames import align
from gridcache.errors import CorruptFramesError

__all__ = [
    "MORE",
    "VERSION",
    "Slot",
    "Tag",
    "body_nbytes",
    "put_table",
    "put_uint",
    "take_table",
    "take_uint",
    "uint",
]

VERSION = 1

LZ4_MAX_RATIO = 255
"""An lz4 block cannot grow by more: each further length byte adds 255 bytes."""


MORE = 0x80
"""The bit of a LEB128 group that says another one follows."""
MAX_SHIFT = 56
"""Bits before the ninth and last group of a number below 2**63."""


class Tag(IntEnum):
    """What a value is. A number once released never changes its meaning."""

    SPILLED = ord("@")
    NONE = ord("N")
    TRUE = ord("T")
    FALSE = ord("F")
    INT = ord("I")
    FLOAT = ord("D")
    COMPLEX = ord("C")
    STR = ord("S")
    BYTES = ord("B")
    BYTEARRAY = ord("Y")
    LIST = ord("l")
    TUPLE = ord("t")
    DICT = ord("d")
    SET = ord("s")
    FROZENSET = ord("f")
    SHARED = ord("=")
    ARRAY = ord("A")
    NUMPY_SCALAR = ord("a")
    ARROW = ord("R")
    PANDAS = ord("P")
    POLARS = ord("L")
    PICKLE = ord("!")
    PRIVATE_PICKLE = ord("%")


class Slot(NamedTuple):
    """One buffer as the table declares it; a tuple, for it is made in hot paths."""

    stored_nbytes: int
    """Bytes in the body."""
    aliased: bool
    """Decoding makes a value whose memory is this buffer."""
    raw_nbytes: int
    """Bytes once decompressed; equal to `stored_nbytes` if not compressed."""
    lz4: bool = False
    """The stored bytes are lz4 blocks."""


def put_uint(out: bytearray, number: int) -> None:
    """Append `number` as LEB128."""
    while number >= MORE:
        out.append(number & 0x7F | MORE)
        number >>= 7
    out.append(number)


def uint(number: int) -> bytes:
    """LEB128 of `number`."""
    out = bytearray()
    put_uint(out, number)
    return bytes(out)


def take_uint(data: bytes | memoryview, position: int) -> tuple[int, int]:
    """Read a number at `position`; returns it and where the next thing starts."""
    number = shift = 0
    while True:
        if position >= len(data) or shift > MAX_SHIFT:
            msg = "a number in the header is cut short or too large"
            raise CorruptFramesError(msg)
        byte = data[position]
        position += 1
        number |= (byte & 0x7F) << shift
        if byte < MORE:
            return number, position
        shift += 7


def put_table(out: bytearray, slots: list[Slot]) -> None:
    """Append the buffer table."""
    put_uint(out, len(slots))
    for slot in slots:
        put_uint(out, slot.stored_nbytes << 2 | slot.aliased << 1 | slot.lz4)
        if slot.lz4:
            put_uint(out, slot.raw_nbytes)


def take_table(header: bytes, position: int = 2) -> tuple[list[Slot], int]:
    """Read the buffer table; bounded by the header's length."""
    count, position = take_uint(header, position)
    if count > len(header) - position:
        msg = f"the header declares {count} buffers and has no room for them"
        raise CorruptFramesError(msg, count=count)
    slots = []
    for _ in range(count):
        slot, position = _take_slot(header, position)
        slots.append(slot)
    return slots, position


def _take_slot(header: bytes, position: int) -> tuple[Slot, int]:
    code, position = take_uint(header, position)
    nbytes, aliased, lz4 = code >> 2, bool(code & 2), bool(code & 1)
    if not lz4:
        return Slot(nbytes, aliased, nbytes), position
    raw_nbytes, position = take_uint(header, position)
    if raw_nbytes > nbytes * LZ4_MAX_RATIO:
        msg = f"{nbytes} compressed bytes cannot hold the declared {raw_nbytes}"
        raise CorruptFramesError(msg, stored_nbytes=nbytes, raw_nbytes=raw_nbytes)
    return Slot(nbytes, aliased, raw_nbytes, lz4=True), position


def body_nbytes(slots: list[Slot]) -> int:
    """Bytes of the body that holds these buffers, padding included."""
    nbytes = 0
    for slot in slots:
        nbytes = align(nbytes) + slot.stored_nbytes
    return nbytes
