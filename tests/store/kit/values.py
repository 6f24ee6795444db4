"""Frames that prove what they are: any wrong, torn or mixed byte shows.

A value is made of a number and a size alone. Its header carries both and a
checksum of the body; its body differs from every other number's in every word.
"""

import struct
import zlib

import numpy as np

from gridcache.codec import Frames
from gridcache.store.outcome import Hit

__all__ = ["HEADER", "frames", "read_body", "read_number"]

_HEADER = struct.Struct("<QQI")
HEADER = _HEADER.size
"""Bytes of the header of `frames`."""


def _body(number: int, nbytes: int) -> bytes:
    words = np.arange(nbytes // 8 + 1, dtype=np.uint64)
    words *= np.uint64(0x9E3779B97F4A7C15)
    words ^= np.uint64(number * 0xBF58476D1CE4E5B9 & 0xFFFFFFFFFFFFFFFF)
    return words.tobytes()[:nbytes]


def frames(
    number: int, nbytes: int, *, viewable: bool = True, header_nbytes: int = 0
) -> Frames:
    """The value of a number, with a body of `nbytes`.

    Parameters
    ----------
    header_nbytes
        Pad the header to at least this length.
    """
    body = _body(number, nbytes)
    header = _HEADER.pack(number, nbytes, zlib.crc32(body))
    buffers = (memoryview(body),) if nbytes else ()
    return Frames(header.ljust(header_nbytes, b"."), buffers, viewable, nbytes)


def read_number(hit: Hit) -> int:
    """The number of a value; fails unless every byte of it is right."""
    number, nbytes, checksum = _HEADER.unpack_from(hit.header)
    assert len(hit.body) == nbytes, f"value {number} of {nbytes}: {len(hit.body)}"
    assert zlib.crc32(hit.body) == checksum, f"value {number} of {nbytes} is corrupt"
    return int(number)


def read_body(hit: Hit) -> bytes:
    """A private copy of the body, checked."""
    read_number(hit)
    return bytes(hit.body)
