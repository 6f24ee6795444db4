"""Value to frames, in the caller's process.

Plain values, arrays, Arrow, pandas and polars first; cloudpickle for the rest.
The commonest values at the root (bytes, text, None) take a short way.
"""

from collections.abc import Callable
from typing import Any

from gridcache.codec import arrays, containers, plain  # noqa: F401 - they register
from gridcache.codec.blame import part_at_fault
from gridcache.codec.frames import Frames
from gridcache.codec.pickled import write_pickle
from gridcache.codec.plain import encode_text
from gridcache.codec.transcode import compress_frames
from gridcache.codec.wire import Tag, one_buffer_header
from gridcache.codec.writer import NeedsPickle, Writer
from gridcache.errors import NotEncodableError

__all__ = ["encode"]


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
    short_way = _SHORT_WAYS.get(type(value))
    frames = _encode(value, allow_pickle) if short_way is None else short_way(value)
    return compress_frames(frames) if compress else frames


def _encode(value: Any, allow_pickle: bool) -> Frames:
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


def _bytes_frames(value: bytes) -> Frames:
    nbytes = len(value)
    header = one_buffer_header(Tag.BYTES, nbytes)
    return Frames(header, (memoryview(value),), False, nbytes)


def _str_frames(value: str) -> Frames:
    data = encode_text(value)
    nbytes = len(data)
    header = one_buffer_header(Tag.STR, nbytes)
    return Frames(header, (memoryview(data),), False, nbytes)


_SHORT_WAYS: dict[type, Callable[[Any], Frames]] = {
    bytes: _bytes_frames,
    str: _str_frames,
}
