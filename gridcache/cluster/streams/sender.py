"""Sending a message: one system call if it is small, no copy if it is a file."""

import os
import socket
from collections.abc import Sequence
from typing import cast

from gridcache.cluster.streams.limits import Limit, deadline_of
from gridcache.cluster.streams.wire import Buffer, Meta, Range, pack
from gridcache.codec.frames import ALIGNMENT

__all__ = ["Sender"]

_LENT_NBYTES = 256 << 10
"""From here on a range is lent: a round trip costs less than the copy."""
_BATCH = 1024
"""Buffers per system call: IOV_MAX on Linux and macOS."""
_CALL_NBYTES = 1 << 30
"""The kernel stops at 2 GiB - 4 KiB."""
_GAPS = tuple(bytes(-nbytes % ALIGNMENT) for nbytes in range(ALIGNMENT))
"""What follows a buffer, by its length modulo the alignment."""

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
        lengths, parts, lent = _lay_out(buffers)
        total = sum(lengths)
        parts[0] = pack(kind, op, meta, lengths, lent=lent)
        if lent:
            self._push_all(parts, deadline_of(deadline, total))
            return total
        self._push(cast("list[_Piece]", parts), deadline_of(deadline, total))
        return 0

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
            sent = self._try(batch, deadline)
            if sent != sum(map(len, batch)):
                self._push_rest(batch, sent, deadline)

    def _push_rest(self, batch: "list[_Piece]", sent: int, deadline: float) -> None:
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


def _lay_out(
    buffers: Sequence[Buffer],
) -> "tuple[list[int], list[_Piece | Range], bool]":
    """Return lengths, room for a head and what to send, and whether some is lent."""
    lengths: list[int] = []
    parts: list[_Piece | Range] = [b""]
    lent = False
    for buffer in buffers:
        part = buffer
        if isinstance(buffer, Range):
            nbytes = buffer.nbytes
            if nbytes >= _LENT_NBYTES:
                lent = True
            else:
                part = _copied(buffer)
        else:
            nbytes = len(buffer)
        lengths.append(nbytes)
        parts.append(part)
        if nbytes % ALIGNMENT:
            parts.append(_GAPS[nbytes % ALIGNMENT])
    if lengths[-1] % ALIGNMENT:
        parts.pop()  # nothing follows the last buffer
    return lengths, parts, lent


def _copied(part: Range) -> bytes:
    """Read a small range: it need not be lent, and goes with its neighbours."""
    data = os.pread(part.fd, part.nbytes, part.offset)
    if len(data) != part.nbytes:
        message = f"a range of {part.nbytes} bytes has only {len(data)} in its file"
        raise ValueError(message)
    return data
