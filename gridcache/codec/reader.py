"""Reader: puts values together again from the stream and the buffers.

Nothing here trusts what it reads: every length is checked against what is there
before anything is allocated, and every buffer is handed out once. Decoders may
raise what they like on nonsense; `decode` turns it into CorruptFramesError.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from gridcache.codec.compression import decompress
from gridcache.codec.families import DECODERS, decoder_of
from gridcache.codec.frames import align, body_slices
from gridcache.codec.wire import MORE, Slot, Tag, body_nbytes, take_table, take_uint
from gridcache.codec.writer import EMBED_NBYTES, MAX_DEPTH
from gridcache.errors import CorruptFramesError

__all__ = ["Buffers", "Reader", "open_reader"]


@dataclass(slots=True)
class Buffers:
    """The buffers of one value, each handed out once."""

    slots: list[Slot]
    pieces: list[memoryview | None]
    """Read-only, or of a body that is the value's own; None once taken."""

    def take(self, index: int) -> memoryview:
        """Return the raw bytes of a buffer; who needs private ones copies read-only ones.

        Raises
        ------
        CorruptFramesError
            If it does not exist or was taken: a second use of a compressed
            buffer would let small frames grow without bound.
        """
        piece = self.pieces[index] if 0 <= index < len(self.pieces) else None
        if piece is None:
            msg = f"buffer {index} is missing or used twice"
            raise CorruptFramesError(msg, index=index)
        self.pieces[index] = None
        slot = self.slots[index]
        return decompress(piece, slot.raw_nbytes) if slot.lz4 else piece


class Reader:
    """A position in a stream, and the buffers it refers to.

    Parameters
    ----------
    stream
        Tags and metadata.
    buffers
        Shared with the readers of nested streams.
    allow_pickle
        Whether pickles may be loaded.
    copy
        Whether arrays and Arrow data are private (and writable).
    """

    __slots__ = ("_depth", "allow_pickle", "buffers", "copy", "memo", "pos", "stream")

    def __init__(
        self,
        stream: bytes | memoryview,
        buffers: Buffers,
        *,
        allow_pickle: bool,
        copy: bool,
    ) -> None:
        self.stream = stream
        self.buffers = buffers
        self.allow_pickle = allow_pickle
        self.copy = copy
        self.pos = 0
        self.memo: list[Any] = []
        self._depth = 0

    def value(self) -> Any:
        """Read any value."""
        tag = self.stream[self.pos]
        self.pos += 1
        return (DECODERS.get(tag) or decoder_of(tag))(self)

    def uint(self) -> int:
        """Read a number."""
        byte = self.stream[self.pos]
        if byte < MORE:
            self.pos += 1
            return byte
        number, self.pos = take_uint(self.stream, self.pos)
        return number

    def count(self) -> int:
        """Read the number of things to come, each at least one byte long."""
        number = self.uint()
        if number > len(self.stream) - self.pos:
            msg = f"{number} parts declared where {len(self.stream)} bytes are"
            raise CorruptFramesError(msg, count=number)
        return number

    def raw(self, nbytes: int) -> bytes | memoryview:
        """Read the next bytes of the stream."""
        end = self.pos + nbytes
        if end > len(self.stream):
            msg = f"{nbytes} bytes declared and fewer left"
            raise CorruptFramesError(msg, nbytes=nbytes)
        part = self.stream[self.pos : end]
        self.pos = end
        return part

    def buffer(self) -> memoryview:
        """Read the bytes of a buffer; they may be the body itself."""
        number = self.uint()
        if number:
            return self.buffers.take(number - 1)
        nbytes = self.uint()
        if nbytes > EMBED_NBYTES:
            self.pos = align(self.pos)
            return memoryview(self.raw(nbytes)).toreadonly()
        # Small parts are copied, so that none keeps a large body alive.
        return memoryview(bytes(self.raw(nbytes)))

    def bulk(self) -> bytes | memoryview:
        """Read bytes that the caller copies: `buffer`, faster if short."""
        stream, start = self.stream, self.pos + 2
        if stream[start - 2]:
            return self.buffer()
        end = start + stream[start - 1]
        if end < start + MORE and end <= len(stream):
            self.pos = end
            return stream[start:end]
        self.pos += 1
        nbytes = self.uint()
        if nbytes > EMBED_NBYTES:
            self.pos = align(self.pos)
        return self.raw(nbytes)

    def nested(self, stream: bytes) -> Any:
        """Read the value of a stream of its own, which shares the buffers."""
        inner = Reader(
            stream, self.buffers, allow_pickle=self.allow_pickle, copy=self.copy
        )
        inner._depth = self._depth
        inner.enter()
        return inner.value()

    @contextmanager
    def private(self) -> Iterator[None]:
        """Inside, one container deeper, arrays are private and writable."""
        before, self.copy = self.copy, True
        self.enter()
        yield
        self.leave()
        self.copy = before

    def enter(self) -> None:
        """Go one container deeper."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            msg = "containers nested too deep"
            raise CorruptFramesError(msg)

    def leave(self) -> None:
        """Come back from a container."""
        self._depth -= 1


def open_reader(
    header: bytes, body: memoryview, *, allow_pickle: bool, copy: bool
) -> Reader:
    """Check the table against the body and stand in front of the root's tag."""
    slots, position = take_table(header)
    if body.nbytes != body_nbytes(slots):
        msg = f"the body has {body.nbytes} bytes, declared are {body_nbytes(slots)}"
        raise CorruptFramesError(msg, nbytes=body.nbytes)
    lengths = tuple(slot.stored_nbytes for slot in slots)
    pieces: list[memoryview | None] = [body[part] for part in body_slices(lengths)]
    small = header[1:2] + header[position:]
    spilled = header[1] == Tag.SPILLED
    stream = _spilled(small, slots, pieces) if spilled else small
    buffers = Buffers(slots, pieces)
    return Reader(stream, buffers, allow_pickle=allow_pickle, copy=copy)


def _spilled(
    stream: bytes, slots: list[Slot], pieces: list[memoryview | None]
) -> memoryview:
    """Take the stream out of the first buffer; the header repeats its tag."""
    spilled = Buffers(slots, pieces).take(0)
    del slots[0], pieces[0]
    if stream[1:] != spilled[:1]:
        msg = "the header names another tag than its stream"
        raise CorruptFramesError(msg)
    return spilled
