"""Sending a message: one system call if it is small, no copy if it is a file."""

import os
import socket
from collections.abc import Sequence

from gridcache.cluster.limits import Limit, deadline_of
from gridcache.cluster.wire import Buffer, Meta, Range, pack
from gridcache.codec.frames import ALIGNMENT, align

__all__ = ["Sender"]

_LENT_NBYTES = 256 << 10
"""From here on a range is lent: a round trip costs less than the copy."""
_BATCH = 1024
"""Buffers per system call: IOV_MAX on Linux and macOS."""
_CALL_NBYTES = 1 << 30
"""The kernel stops at 2 GiB - 4 KiB."""
_PADDING = bytes(ALIGNMENT)

_Piece = bytes | bytearray | memoryview


class Sender:
    """One direction of a connection."""

    __slots__ = ("_limit", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._limit = Limit(sock, socket.SO_SNDTIMEO)

    def send(
        self, kind: int, op: str, meta: Meta, buffers: Sequence[Buffer], deadline: float
    ) -> int:
        """Send a message; returns the bytes of the body if parts of it are lent.

        Raises `ValueError` before the first byte if it is over a limit or a
        small range cannot be read; later failures leave the stream unusable.
        """
        if not buffers:
            self._push([pack(kind, op, meta, ())], deadline)
            return 0
        lengths = [_length(buffer) for buffer in buffers]
        lent = any(_is_lent(buffer) for buffer in buffers)
        head = pack(kind, op, meta, lengths, lent=lent)
        parts = [head, *_padded(buffers, lengths)]
        self._push_all(parts, deadline_of(deadline, sum(lengths)))
        return sum(lengths) if lent else 0

    def _push_all(self, parts: "list[_Piece | Range]", deadline: float) -> None:
        pieces: list[_Piece] = []
        for part in parts:
            if isinstance(part, Range):
                self._push(pieces, deadline)
                self._push_range(part, deadline)
                pieces = []
            else:
                pieces.append(part)
        self._push(pieces, deadline)

    def _push(self, pieces: "list[_Piece]", deadline: float) -> None:
        for start in range(0, len(pieces), _BATCH):
            batch = pieces[start : start + _BATCH]
            self._push_batch(batch, deadline)

    def _push_batch(self, batch: "list[_Piece]", deadline: float) -> None:
        sent = self._try(batch, deadline)
        while True:
            while batch and sent >= len(batch[0]):
                sent -= len(batch.pop(0))
            if not batch:
                return
            batch[0] = memoryview(batch[0])[sent:]
            sent = self._try(batch, deadline)

    def _try(self, batch: "list[_Piece]", deadline: float) -> int:
        self._limit.arm(deadline)
        try:
            return self._sock.sendmsg(batch)
        except BlockingIOError:
            return 0  # the limit, or early by the part that `arm` tolerates

    def _push_range(self, part: Range, deadline: float) -> None:
        offset, left = part.offset, part.nbytes
        while left:
            self._limit.arm(deadline)
            try:
                count = os.sendfile(
                    self._sock.fileno(), part.fd, offset, min(left, _CALL_NBYTES)
                )
            except BlockingIOError:
                continue
            if not count:
                message = f"the file of a range ends {left} bytes too early"
                raise EOFError(message)
            offset, left = offset + count, left - count


def _length(buffer: Buffer) -> int:
    return len(buffer) if isinstance(buffer, bytes) else _nbytes(buffer)


def _nbytes(buffer: bytearray | memoryview | Range) -> int:
    return len(buffer) if isinstance(buffer, bytearray) else buffer.nbytes


def _is_lent(buffer: Buffer) -> bool:
    return isinstance(buffer, Range) and buffer.nbytes >= _LENT_NBYTES


def _padded(buffers: Sequence[Buffer], lengths: list[int]) -> "list[_Piece | Range]":
    parts: list[_Piece | Range] = []
    for buffer, nbytes in zip(buffers, lengths, strict=True):
        parts.append(_copied(buffer))
        gap = align(nbytes) - nbytes
        if gap:
            parts.append(_PADDING[:gap])
    if align(lengths[-1]) != lengths[-1]:
        parts.pop()  # nothing follows the last buffer
    return parts


def _copied(buffer: Buffer) -> "_Piece | Range":
    """Read a small range: it need not be lent, and goes with its neighbours."""
    if not isinstance(buffer, Range) or buffer.nbytes >= _LENT_NBYTES:
        return buffer
    data = os.pread(buffer.fd, buffer.nbytes, buffer.offset)
    if len(data) != buffer.nbytes:
        message = f"a range of {buffer.nbytes} bytes has only {len(data)} in its file"
        raise ValueError(message)
    return data
