"""Frames: a worker's values as buffers, and back without a copy.

The bytes are those that Dask writes to its disk. They are read into memory in which
the first buffer of the value begins at a multiple of 64: an array that does not is
computed with at half the speed, and Dask's own disk leaves most so.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from distributed.protocol.serialize import deserialize_bytes, serialize_bytelist

__all__ = ["Dump", "dump", "load"]

_ALIGNMENT = 64
_LEADING = 2
"""Buffers before the first of the value: their lengths, and the header."""


class Dump(NamedTuple):
    """A value in buffers."""

    pieces: list[memoryview]
    """Of format "B"; they view the value's own memory."""
    nbytes: int
    lead_nbytes: int
    """Before the first buffer of the value."""


def dump(value: object, compression: str | None = None) -> Dump:
    """Take a value apart; raises what its type's code raises."""
    frames = serialize_bytelist(
        value, compression=compression or False, on_error="raise"
    )
    pieces = [memoryview(frame).cast("B") for frame in frames]
    sizes = [piece.nbytes for piece in pieces]
    return Dump(pieces, sum(sizes), sum(sizes[:_LEADING]))


def load(nbytes: int, lead_nbytes: int, read: Callable[[memoryview], None]) -> Any:
    """Put a value together.

    Parameters
    ----------
    read
        Fills memory with the bytes.
    """
    # Not a bytearray, which is zeroed first. Fresh and writable, so that nothing
    # that is made of it need be copied.
    memory = np.empty(nbytes + _ALIGNMENT, np.uint8)
    address = memory.__array_interface__["data"][0]
    start = -(address + lead_nbytes) % _ALIGNMENT
    into = memory[start : start + nbytes].data
    read(into)
    return deserialize_bytes(into)
