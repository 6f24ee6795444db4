"""Frames: the encoded form of a value, a small header and a list of buffers.

Only frames cross the border between a caller and a store. The body of a value
is its buffers laid end to end, each starting at a multiple of `ALIGNMENT`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

__all__ = ["ALIGNMENT", "Frames", "Poured", "align", "body_slices"]

ALIGNMENT = 64
"""Bytes; numpy's and Arrow's SIMD kernels are fastest at cache-line starts."""


def align(nbytes: int) -> int:
    """Round up to a multiple of `ALIGNMENT`."""
    return (nbytes + ALIGNMENT - 1) & -ALIGNMENT


@dataclass(frozen=True, slots=True)
class Frames:
    """One encoded value."""

    header: bytes
    """Self-describing: format version, tag, the buffers' lengths and codecs."""
    buffers: tuple[memoryview, ...]
    """Contiguous, format "B". They may alias the caller's value until written."""
    viewable: bool = False
    """True if decoding makes a value whose memory is the body (array, Arrow)."""
    raw_nbytes: int = 0
    """Bytes of the body before compression, for the statistics."""

    @property
    def body_nbytes(self) -> int:
        """Bytes of the body, the padding between buffers included."""
        if not self.buffers:
            return 0
        padded = sum(align(buffer.nbytes) for buffer in self.buffers[:-1])
        return padded + self.buffers[-1].nbytes


@dataclass(frozen=True, slots=True)
class Poured:
    """Frames whose body arrives piece by piece while the store writes it."""

    header: bytes
    body_nbytes: int
    pour: Callable[[Callable[[int, memoryview], None], int], int]
    """Called once with what writes a piece at an offset and where the body starts;
    returns the body's checksum (xxh3, 64 bits)."""
    viewable: bool = False
    raw_nbytes: int = 0
    buffers: tuple[memoryview, ...] = ()


def body_slices(lengths: tuple[int, ...]) -> Iterator[slice]:
    """Where in the body each buffer of `lengths` bytes lies."""
    offset = 0
    for nbytes in lengths:
        yield slice(offset, offset + nbytes)
        offset = align(offset + nbytes)
