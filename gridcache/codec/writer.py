"""Writer: takes values apart into one stream of metadata and a list of buffers.

The stream is tags and numbers, nested as the value is. Bulk bytes stand beside
it as buffers, or inside it when they are small or the list is full. An object
met twice is written once and referred to (`Tag.SHARED`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from gridcache.codec.families import ENCODERS, Encoder, encoder_of
from gridcache.codec.frames import Frames, align
from gridcache.codec.wire import (
    MORE,
    VERSION,
    Slot,
    Tag,
    body_nbytes,
    put_table,
    put_uint,
)

__all__ = ["MAX_DEPTH", "NeedsPickle", "Writer"]

MAX_DEPTH = 64
"""Containers inside one another; deeper values are pickled."""
MAX_BUFFERS = 512
"""Keeps the header small enough for an index record."""
EMBED_NBYTES = 512
"""Parts up to this size go into the stream: a buffer costs padding and a slot."""
HEADER_STREAM_NBYTES = 256
"""A longer stream becomes a buffer itself, so that headers stay small."""

_ACTIVE = -1


class NeedsPickle(Exception):  # noqa: N818 - steers, is not an error
    """Private to the codec: a part has no encoding but pickle."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Writer:
    """The encoded form of one value while it is made."""

    __slots__ = (
        "_depth",
        "_done",
        "_kept",
        "_memo",
        "_private",
        "_stream_aliased",
        "aliased",
        "buffers",
        "stream",
    )

    def __init__(self) -> None:
        self.stream = bytearray()
        self.buffers: list[memoryview] = []
        self.aliased: list[bool] = []
        self._kept: list[Any] = []
        self._memo: dict[int, int] = {}
        self._done = 0
        self._depth = 0
        self._private = False
        self._stream_aliased = False

    def value(self, value: Any) -> None:
        """Append any value.

        Raises
        ------
        NeedsPickle
            The stream and the buffers are then to be thrown away.
        """
        encoder = ENCODERS.get(type(value)) or encoder_of(type(value))
        if encoder is None:
            raise NeedsPickle(type(value).__qualname__)
        encoder(self, value)

    def temporary(self, value: Any) -> None:
        """Append a value made for the encoding; kept, as the memo goes by id."""
        self._kept.append(value)
        self.value(value)

    def buffer(self, data: memoryview, *, aliased: bool) -> None:
        """Append bytes to the body and a reference to them to the stream.

        Parameters
        ----------
        data
            Contiguous, format "B".
        aliased
            The decoded value's memory will be these bytes.
        """
        aliased = aliased and not self._private
        if self._depth and data.nbytes <= EMBED_NBYTES:
            self._embed(data)
            return
        if len(self.buffers) >= MAX_BUFFERS:
            self._embed(data)
            self._stream_aliased |= aliased
            return
        self.buffers.append(data)
        self.aliased.append(aliased)
        put_uint(self.stream, len(self.buffers))

    def bulk(self, data: bytes) -> None:
        """Append bytes that are copied at decoding: `buffer`, faster if short."""
        if len(data) < MORE and self._depth:
            self.stream += bytes((0, len(data))) + data
        else:
            self.buffer(memoryview(data), aliased=False)

    def _embed(self, data: memoryview) -> None:
        self.stream.append(0)
        put_uint(self.stream, data.nbytes)
        if data.nbytes > EMBED_NBYTES:
            gap = align(len(self.stream)) - len(self.stream)
            self.stream += bytes(gap)
        self.stream += data

    def seen(self, value: Any) -> bool:
        """Refer to `value` if it was written before; else the caller writes it.

        After writing it the caller calls `written`.
        """
        index = self._memo.get(id(value))
        if index is None:
            self._memo[id(value)] = _ACTIVE
            return False
        if index == _ACTIVE:
            msg = "cycle"
            raise NeedsPickle(msg)
        self.stream.append(Tag.SHARED)
        put_uint(self.stream, index)
        return True

    def written(self, value: Any) -> None:
        """Give `value` its number; later ones refer to it."""
        self._memo[id(value)] = self._done
        self._done += 1

    def all_new(self, values: list[Any]) -> bool:
        """Mark all as being written, unless one was seen or is there twice."""
        ids = set(map(id, values))
        if len(ids) != len(values) or not self._memo.keys().isdisjoint(ids):
            return False
        self._memo.update(dict.fromkeys(ids, _ACTIVE))
        return True

    def all_written(self, values: list[Any]) -> None:
        """Give each of the values marked by `all_new` its number."""
        numbers = range(self._done, self._done + len(values))
        self._memo.update(zip(map(id, values), numbers, strict=True))
        self._done += len(values)

    def enter(self) -> None:
        """Go one container deeper."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            msg = "nesting too deep"
            raise NeedsPickle(msg)

    def leave(self) -> None:
        """Come back from a container."""
        self._depth -= 1

    @contextmanager
    def private(self) -> Iterator[None]:
        """Inside, one container deeper, no buffer will be the decoded memory."""
        before, self._private = self._private, True
        self.enter()
        yield
        self.leave()
        self._private = before

    def nested(self, value: Any, write: "Encoder | None" = None) -> bytes:
        """Return a stream of its own for `value`; its buffers join the others.

        Raises
        ------
        NeedsPickle
            Nothing is left behind then.
        """
        inner = Writer()
        inner.buffers, inner.aliased = self.buffers, self.aliased
        inner._depth = self._depth + 1
        inner._private = self._private
        mark = self.mark()
        try:
            (write or Writer.value)(inner, value)
        except NeedsPickle:
            self.back_to(mark)
            raise
        return bytes(inner.stream)

    def mark(self) -> tuple[int, int]:
        """Remember how far stream and buffers are."""
        return len(self.stream), len(self.buffers)

    def back_to(self, mark: tuple[int, int]) -> None:
        """Drop what was written since; not for parts that are `seen`."""
        stream, buffers = mark
        del self.stream[stream:], self.buffers[buffers:], self.aliased[buffers:]

    def frames(self) -> Frames:
        """Return the finished frames; the writer is used up."""
        buffers, aliased = self.buffers, self.aliased
        stream: bytes | bytearray = self.stream
        if len(stream) > HEADER_STREAM_NBYTES:
            buffers = [memoryview(stream), *buffers]
            aliased = [self._stream_aliased, *aliased]
            stream = bytes((Tag.SPILLED, stream[0]))
        slots = [
            Slot(buffer.nbytes, alias, buffer.nbytes)
            for buffer, alias in zip(buffers, aliased, strict=True)
        ]
        header = bytearray((VERSION, stream[0]))
        put_table(header, slots)
        header += stream[1:]
        return Frames(
            header=bytes(header),
            buffers=tuple(buffers),
            viewable=any(aliased),
            raw_nbytes=body_nbytes(slots),
        )
