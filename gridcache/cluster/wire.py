"""The form of a message between two nodes.

::

    head | lengths of the buffers | op | meta (JSON) | body

The body is the buffers end to end, each at a multiple of 64 bytes from the start
of the body, as in `gridcache.codec.frames`. Every size is declared ahead and
bounded here, before memory is taken for it.

Pure: bytes in, bytes out. Sockets are `gridcache.cluster.channel`.
"""

import json
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

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


@dataclass(frozen=True, slots=True)
class Head:
    """The first bytes of a message, checked."""

    kind: int
    lent: bool
    """Parts of the body are the sender's pages: it must be asked at the end."""
    op_nbytes: int
    meta_nbytes: int
    count: int

    @property
    def rest_nbytes(self) -> int:
        """Bytes between this head and the body."""
        return 8 * self.count + self.op_nbytes + self.meta_nbytes


@dataclass(frozen=True, slots=True)
class Message:
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
    name, text = op.encode(), _encode(meta).encode()
    count = len(lengths)
    head = _HEAD.pack(_MAGIC, kind, lent, len(name), len(text), count)
    problem = _oversize(len(name), len(text), count) or _too_long(lengths)
    if problem:
        message = f"a message cannot be sent: {problem}; split it"
        raise ValueError(message)
    return b"".join((head, struct.pack(f"<{count}Q", *lengths), name, text))


def parse_head(data: bytes | bytearray | memoryview, offset: int = 0) -> Head:
    """Read the first `HEAD_NBYTES`; raises `WireError`."""
    magic, kind, lent, *sizes = _HEAD.unpack_from(data, offset)
    if magic != _MAGIC or not REQUEST <= kind <= HELD or lent > 1:
        text = "not a message of this version of gridcache"
        raise WireError(text)
    problem = _oversize(*sizes)
    if problem:
        raise WireError(problem)
    return Head(kind, bool(lent), *sizes)


def parse(head: Head, rest: bytes | bytearray | memoryview) -> Message:
    """Read what lies between head and body; raises `WireError`."""
    lengths = struct.unpack_from(f"<{head.count}Q", rest)
    problem = _too_long(lengths)
    if problem:
        raise WireError(problem)
    at = 8 * head.count
    name, rest = rest[at : at + head.op_nbytes], rest[at + head.op_nbytes :]
    try:
        op, meta = str(name, "utf-8"), json.loads(str(rest, "utf-8"))
    except (ValueError, RecursionError) as error:
        text = f"meta that cannot be read: {error}"
        raise WireError(text) from error
    if not isinstance(meta, dict):
        text = "meta that is not an object"
        raise WireError(text)
    return Message(head.kind, head.lent, op, meta, lengths)


def _oversize(op_nbytes: int, meta_nbytes: int, count: int) -> str:
    if op_nbytes > _MAX_OP_NBYTES:
        return f"an op of {op_nbytes} bytes, the limit is {_MAX_OP_NBYTES}"
    if meta_nbytes > _MAX_META_NBYTES:
        return f"meta of {meta_nbytes} bytes, the limit is {_MAX_META_NBYTES}"
    if count > _MAX_BUFFERS:
        return f"{count} buffers, the limit is {_MAX_BUFFERS}"
    return ""


def _too_long(lengths: Sequence[int]) -> str:
    total = sum(lengths)
    if total > _MAX_BODY_NBYTES:
        return f"a body of {total} bytes, the limit is {_MAX_BODY_NBYTES}"
    return ""


_encode = json.JSONEncoder(separators=(",", ":")).encode
