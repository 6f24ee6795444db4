"""The form of a message between two nodes.

::

    head | lengths of the buffers | op | meta (JSON) | body

The body is the buffers end to end, each at a multiple of 64 bytes from the start
of the body, as in `gridcache.codec.frames`. Every size is declared ahead and
bounded here, before memory is taken for it.

Pure: bytes in, bytes out. Sockets are `gridcache.cluster.streams.channel`.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

__all__ = [
    "ANSWER",
    "ERROR",
    "HEAD_NBYTES",
    "HELD",
    "HELD_STILL",
    "REQUEST",
    "Address",
    "Answer",
    "Buffer",
    "Head",
    "Message",
    "Meta",
    "Range",
    "WireError",
    "pack",
    "parse",
    "parse_head",
]

Address = tuple[str, int]
"""Host and port."""
Meta = dict[str, Any]
"""What JSON can hold: tuples arrive as lists, numbers as keys arrive as text."""

REQUEST: Final = 1
ANSWER: Final = 2
ERROR: Final = 3
HELD_STILL: Final = 4
"""The receiver of a lent body asks: were the bytes held until now?"""
HELD: Final = 5
"""They were; the message counts."""

_MAGIC = b"GCS1"
_HEAD = struct.Struct("<4sBBHII")
HEAD_NBYTES = _HEAD.size
_MAX_META_NBYTES = 8 << 20
_MAX_BUFFERS = 65_536
_MAX_OP_NBYTES = 64
_MAX_BODY_NBYTES = 1 << 44
"""16 TiB: more than a machine's memory; sums of lengths stay far from overflow."""


class WireError(ConnectionError):
    """What came is not a message of ours. It never leaves this package."""


@dataclass(frozen=True, slots=True)
class Range:
    """Bytes of a file in the place of a buffer.

    Large ones are sent without a copy: the peer reads the pages of the file
    itself. They must not change until it has; see `Answer.done`.
    """

    fd: int
    offset: int
    nbytes: int
    keep: object = None
    """Lives as long as the range; what holds the bytes, if that is an object."""


Buffer = bytes | bytearray | memoryview | Range
"""What can be sent; a memoryview has format "B"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What one side gives back to the other."""

    meta: Meta = field(default_factory=dict)
    buffers: Sequence[Any] = ()
    """Sending: of type `Buffer`. Received: read-only memoryviews."""
    done: Callable[[], None] | None = None
    """Called once, when the peer has the bytes or will never have them."""


class Head(NamedTuple):
    """The first bytes of a message, checked.

    A named tuple, as is `Message`: a frozen dataclass takes three times as long
    to make, four times per call.
    """

    kind: int
    lent: bool
    """Parts of the body are the sender's pages: it must be asked at the end."""
    op_nbytes: int
    meta_nbytes: int
    buffer_count: int
    rest_nbytes: int
    """Bytes between this head and the body."""


class Message(NamedTuple):
    """A message without its body."""

    kind: int
    lent: bool
    op: str
    meta: Meta
    lengths: tuple[int, ...]


def pack(
    kind: int, op: str, meta: Meta, lengths: Sequence[int], *, lent: bool = False
) -> bytes:
    """Everything before the body; raises `ValueError` if a limit is passed."""
    name, text = op.encode(), _encode(meta).encode() if meta else b"{}"
    count = len(lengths)
    problem = _oversize(len(name), len(text), count, sum(lengths))
    if problem:
        message = f"a message cannot be sent: {problem}; split it"
        raise ValueError(message)
    head = _HEAD.pack(_MAGIC, kind, lent, len(name), len(text), count)
    return b"".join((head, _lengths(count).pack(*lengths), name, text))


def parse_head(data: bytes | bytearray | memoryview, offset: int = 0) -> Head:
    """Read the first `HEAD_NBYTES`; raises `WireError`."""
    magic, kind, lent, op_nbytes, meta_nbytes, count = _HEAD.unpack_from(data, offset)
    if magic != _MAGIC or not REQUEST <= kind <= HELD or lent > 1:
        text = "not a message of this version of gridcache"
        raise WireError(text)
    problem = _oversize(op_nbytes, meta_nbytes, count, 0)
    if problem:
        raise WireError(problem)
    rest_nbytes = 8 * count + op_nbytes + meta_nbytes
    return Head(kind, lent == 1, op_nbytes, meta_nbytes, count, rest_nbytes)


def parse(head: Head, rest: bytes | bytearray | memoryview) -> Message:
    """Read what lies between head and body; raises `WireError`."""
    lengths = _lengths(head.buffer_count).unpack_from(rest)
    problem = _oversize(0, 0, 0, sum(lengths))
    if problem:
        raise WireError(problem)
    at = 8 * head.buffer_count
    op_nbytes = head.op_nbytes
    try:
        op = str(rest[at : at + op_nbytes], "utf-8") if op_nbytes else ""
        meta = _decode(str(rest[at + op_nbytes :], "utf-8"))
    except (ValueError, RecursionError) as error:
        text = f"meta that cannot be read: {error}"
        raise WireError(text) from error
    return Message(head.kind, head.lent, op, meta, lengths)


def _encoder() -> Callable[[object], str]:
    """JSON without blanks, by an encoder that is made once and not for every call."""
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:  # not CPython
        return json.JSONEncoder(separators=(",", ":")).encode
    text = json.encoder.encode_basestring_ascii
    parts = make(
        None, json.JSONEncoder().default, text, None, ":", ",", False, False, True
    )
    return lambda meta: "".join(parts(meta, 0))


def _decode(text: str) -> Meta:
    if text == "{}":
        return {}
    meta, end = _raw_decode(text)
    if not isinstance(meta, dict) or end != len(text):
        message = "not an object and nothing else"
        raise ValueError(message)
    return meta


def _lengths(count: int) -> struct.Struct:
    return _FEW_LENGTHS[count] if count < len(_FEW_LENGTHS) else _make_lengths(count)


def _make_lengths(count: int) -> struct.Struct:
    return struct.Struct(f"<{count}Q")


_FEW_LENGTHS = [_make_lengths(count) for count in range(4)]


def _oversize(op_nbytes: int, meta_nbytes: int, count: int, body_nbytes: int) -> str:
    if op_nbytes > _MAX_OP_NBYTES:
        return f"an op of {op_nbytes} bytes, the limit is {_MAX_OP_NBYTES}"
    if meta_nbytes > _MAX_META_NBYTES:
        return f"meta of {meta_nbytes} bytes, the limit is {_MAX_META_NBYTES}"
    if count > _MAX_BUFFERS:
        return f"{count} buffers, the limit is {_MAX_BUFFERS}"
    if body_nbytes > _MAX_BODY_NBYTES:
        return f"a body of {body_nbytes} bytes, the limit is {_MAX_BODY_NBYTES}"
    return ""


# Without the search for blanks before and after, which we do not send.
_raw_decode = json.JSONDecoder().raw_decode
_encode = _encoder()
