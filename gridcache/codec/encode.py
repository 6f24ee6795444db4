"""Value to frames, in the caller's process.

Plain values, arrays, Arrow, pandas and polars first; cloudpickle for the rest.
The commonest values at the root take a short way (`short_ways`).
"""

from typing import Any

from gridcache.codec import arrays, containers, plain  # noqa: F401 - they register
from gridcache.codec.blame import part_at_fault
from gridcache.codec.frames import Frames
from gridcache.codec.pickled import write_pickle
from gridcache.codec.short_ways import ENCODE_SHORT
from gridcache.codec.transcode import compress_frames
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import NotEncodableError

__all__ = ["encode", "encode_long"]


def encode(value: Any, *, compress: bool = False, allow_pickle: bool = True) -> Frames:
    """Take `value` apart into frames; they may alias its memory.

    Parameters
    ----------
    compress
        Compress each buffer for which it pays.
    allow_pickle
        Whether parts that have no other encoding may be pickled.

    Raises
    ------
    NotEncodableError
        Naming the type and the path to the part at fault.
    """
    short_way = ENCODE_SHORT.get(type(value))
    frames = short_way(value) if short_way is not None else None
    if frames is None:
        frames = encode_long(value, allow_pickle=allow_pickle)
    return compress_frames(frames) if compress else frames


def encode_long(value: Any, *, allow_pickle: bool = True) -> Frames:
    """Encode the general way, as `encode` does without a short one."""
    writer = Writer()
    try:
        writer.value(value)
    except (NeedsPickle, RecursionError) as exc:
        if not allow_pickle:
            raise _not_encodable(value, exc, allow_pickle=False) from None
    else:
        return writer.frames()
    return _encode_pickle(value)


def _encode_pickle(value: Any) -> Frames:
    writer = Writer()
    try:
        write_pickle(writer, value)
    except MemoryError:
        raise
    except Exception as exc:
        raise _not_encodable(value, exc, allow_pickle=True) from exc
    return writer.frames()


def _not_encodable(
    value: Any, exc: Exception, *, allow_pickle: bool
) -> NotEncodableError:
    path, kind = part_at_fault(value, allow_pickle=allow_pickle)
    reason = str(exc) if allow_pickle else "needs pickle, and allow_pickle=False"
    msg = f"{path}: {kind} cannot be encoded: {reason}"
    return NotEncodableError(msg, path=path, type=kind)
