"""Frames: a spilled object as a file, to Ray's code that writes and reads files.

The layout is Ray's: the lengths of the owner's address, of the metadata and of the
data, eight bytes each, and then these.
"""

from struct import Struct
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridcache.ray_data.objectspill.memory import SpilledMemory

__all__ = ["Incoming", "Outgoing"]

_LENGTHS = Struct("<QQQ")


class Outgoing:
    """Takes what is written, without copying it."""

    def __init__(self) -> None:
        self.pieces: list[memoryview] = []
        """They view the object in Ray's store."""
        self.nbytes = 0

    def write(self, data: Any) -> int:
        """Take a piece; returns its bytes."""
        piece = memoryview(data).cast("B")
        self.pieces.append(piece)
        self.nbytes += piece.nbytes
        return piece.nbytes

    def flush(self) -> None:
        """Nothing waits."""


class Incoming:
    """Reads an object from its beginning."""

    def __init__(self, memory: "SpilledMemory", number: int, nbytes: int) -> None:
        self._memory = memory
        self._number = number
        self._nbytes = nbytes
        self._at = 0

    def lengths(self) -> tuple[int, int, int]:
        """What the object begins with."""
        address, metadata, data = _LENGTHS.unpack(self.read(_LENGTHS.size))
        return address, metadata, data

    def read(self, nbytes: int) -> bytes:
        """Copy the next bytes, fewer at the end."""
        data = bytearray(nbytes)
        return bytes(data[: self.readinto(data)])

    def readinto(self, into: Any) -> int:
        """Fill memory with the next bytes; returns how many."""
        view = memoryview(into).cast("B")[: self._nbytes - self._at]
        if view.nbytes:
            self._memory.read_into(self._number, view, self._at)
        self._at += view.nbytes
        return view.nbytes
