"""Frames to value, in the caller's process.

Whatever the bytes are, the outcome is a value, CorruptFramesError or
UnsafeCodecError, or what the user's own code raises while it is unpickled.
"""

import struct
from typing import Any

from gridcache.codec import arrays, containers, plain  # noqa: F401 - they register
from gridcache.codec.pickled import UserCodeError
from gridcache.codec.reader import open_reader
from gridcache.codec.short_ways import DECODE_SHORT, NOT_SHORT
from gridcache.codec.wire import VERSION
from gridcache.errors import CorruptFramesError, UnsafeCodecError

__all__ = ["decode"]

_NONSENSE = (
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    AttributeError,
    OverflowError,
    struct.error,
)
"""What decoders raise on bytes that no encoder wrote."""


def decode(
    header: bytes,
    body: memoryview,
    *,
    allow_pickle: bool = True,
    copy: bool = False,
    own: bool = False,
) -> Any:
    """Put the value together again.

    Parameters
    ----------
    header, body
        As encoded: the buffers at `body_slices`. Values may alias `body`, and
        keep it alive.
    allow_pickle
        Whether a pickle, which can run any code, may be loaded.
    copy
        Give private, writable arrays that do not alias `body`.
    own
        With `copy`: the body is writable memory that nobody else has, so that arrays
        may alias it after all.

    Raises
    ------
    CorruptFramesError
        If the bytes fail a check, or another version wrote them.
    UnsafeCodecError
        If there is a pickle and `allow_pickle` is false.
    ImportError
        If a library or module that the value needs is missing; names it.
    """
    try:
        short_way = None if own else DECODE_SHORT.get(header[:2])
        if short_way is not None:
            value = short_way(header, body, copy)
            if value is not NOT_SHORT:
                return value
        whole = body if own else body.toreadonly()
        return _decode(header, whole, allow_pickle, copy)
    except UserCodeError as exc:
        raise exc.cause from exc.cause.__cause__
    except (CorruptFramesError, UnsafeCodecError):
        raise
    except _NONSENSE as exc:
        msg = f"the encoded bytes make no sense: {exc}"
        raise CorruptFramesError(msg) from exc


def _decode(header: bytes, body: memoryview, allow_pickle: bool, copy: bool) -> Any:
    if not header or header[0] != VERSION:
        msg = "the header is empty or of another format version"
        raise CorruptFramesError(msg, version=header[0] if header else None)
    reader = open_reader(header, body, allow_pickle=allow_pickle, copy=copy)
    value = reader.value()
    if reader.pos != len(reader.stream):
        msg = "bytes are left over behind the value"
        raise CorruptFramesError(msg)
    return value
