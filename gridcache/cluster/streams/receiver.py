"""Receiving a message: read ahead, so that a small one is one system call."""

import socket
from collections.abc import Sequence

import numpy as np

from gridcache.cluster.streams.bodies import Target, bounce, discard
from gridcache.cluster.streams.limits import FOREVER, Limit, deadline_of
from gridcache.cluster.streams.wire import HEAD_NBYTES, Message, parse, parse_head
from gridcache.codec.frames import ALIGNMENT, align, body_slices

__all__ = ["EndOfStreamError", "Receiver", "body_nbytes"]

_BUFFER_NBYTES = 64 << 10


class EndOfStreamError(ConnectionError):
    """The peer has closed the connection. It never leaves this package."""


def body_nbytes(lengths: Sequence[int]) -> int:
    """Bytes of a body, the padding between buffers included."""
    if len(lengths) == 1:
        return lengths[0]
    return sum(map(align, lengths[:-1])) + lengths[-1] if lengths else 0


class Receiver:
    """One direction of a connection.

    Any failure leaves the stream unusable.
    """

    __slots__ = ("_buffer", "_end", "_limit", "_sock", "_start", "_view")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._limit = Limit(sock, socket.SO_RCVTIMEO)
        self._buffer = bytearray(_BUFFER_NBYTES)
        self._view = memoryview(self._buffer)
        self._start = self._end = 0

    @property
    def is_empty(self) -> bool:
        """True if nothing was read ahead."""
        return self._start == self._end

    def wait(self) -> None:
        """Wait, without a limit, until there is something to receive."""
        self._need(1, FOREVER)

    def message(self, deadline: float) -> Message:
        """Receive a message up to its body, which must be taken next."""
        if self._end - self._start < HEAD_NBYTES:
            self._need(HEAD_NBYTES, deadline)
        head = parse_head(self._buffer, self._start)
        self._start += HEAD_NBYTES
        return parse(head, self._take(head.rest_nbytes, deadline))

    def read(self, lengths: Sequence[int], deadline: float) -> list[memoryview]:
        """Receive a body into memory of its own. The caller has bounded it.

        The memory grows resident as bytes come in, not before.
        """
        total = lengths[0] if len(lengths) == 1 else body_nbytes(lengths)
        if total <= self._end - self._start:
            block = memoryview(bytes(self._view[self._start : self._start + total]))
            self._start += total
        else:
            memory = np.empty(total, np.uint8).data
            self._fill(memory, deadline_of(deadline, total))
            block = memory.toreadonly()
        if len(lengths) == 1:
            return [block]
        buffers, at = [], 0
        for nbytes in lengths:  # `body_slices`, at half its price
            buffers.append(block[at : at + nbytes])
            at = (at + nbytes + ALIGNMENT - 1) & -ALIGNMENT
        return buffers

    def pour(
        self, lengths: Sequence[int], targets: Sequence[Target], deadline: float
    ) -> None:
        """Receive a body into targets."""
        deadline, at = deadline_of(deadline, body_nbytes(lengths)), 0
        places = body_slices(tuple(lengths))
        for place, target in zip(places, targets, strict=True):
            self._chunks(place.start - at, discard, deadline)
            if isinstance(target, memoryview):
                self._fill(target[: place.stop - place.start], deadline)
            else:
                self._chunks(place.stop - place.start, target, deadline)
            at = place.stop

    def _chunks(self, nbytes: int, target: Target, deadline: float) -> None:
        """Hand over `nbytes` as they come."""
        if not nbytes:
            return
        assert not isinstance(target, memoryview)  # noqa: S101 - for mypy
        ahead = min(nbytes, self._end - self._start)
        if ahead:
            self._start += ahead
            target(self._view[self._start - ahead : self._start])
            nbytes -= ahead
        with bounce() as memory:
            while nbytes:
                count = self._receive(memory[:nbytes], deadline)
                target(memory[:count])
                nbytes -= count

    def _take(self, nbytes: int, deadline: float) -> memoryview:
        """Return the next bytes; valid until the next call."""
        if nbytes > _BUFFER_NBYTES:
            block = memoryview(bytearray(nbytes))
            self._fill(block, deadline)
            return block
        if self._end - self._start < nbytes:
            self._need(nbytes, deadline)
        start = self._start
        self._start = start + nbytes
        return self._view[start : start + nbytes]

    def _fill(self, memory: memoryview, deadline: float) -> None:
        at = min(memory.nbytes, self._end - self._start)
        memory[:at] = self._view[self._start : self._start + at]
        self._start += at
        while at < memory.nbytes:
            at += self._receive(memory[at:], deadline)

    def _need(self, nbytes: int, deadline: float) -> None:
        """Read ahead until `nbytes`, at most the buffer, are there."""
        while self._end - self._start < nbytes:
            if self._start == self._end:
                self._start = self._end = 0
            elif self._start + nbytes > _BUFFER_NBYTES:
                self._compact()
            self._end += self._receive(self._view[self._end :], deadline)

    def _compact(self) -> None:
        left = bytes(self._view[self._start : self._end])
        self._view[: len(left)] = left
        self._start, self._end = 0, len(left)

    def _receive(self, memory: memoryview, deadline: float) -> int:
        while True:
            self._limit.arm(deadline)
            try:
                count = self._sock.recv_into(memory)
            except BlockingIOError:
                continue  # the limit, or early by the part that `arm` tolerates
            if count:
                return count
            text = "the connection was closed"
            raise EndOfStreamError(text)
