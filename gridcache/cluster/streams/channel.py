"""A connection that carries messages, and the question about lent bodies.

Sendfile gives the peer the pages of a file, not a copy: bytes that are
overwritten before the peer has read them arrive overwritten, be the connection
closed by then or not. So such a body is *lent*: its receiver asks after the last
byte whether the sender held it until now, and takes it only if the answer comes.

One thread at a time uses a channel; `abort` may be called from any.
"""

import select
import socket
from collections.abc import Sequence
from contextlib import suppress

from gridcache.cluster.streams.bodies import Target, discard
from gridcache.cluster.streams.limits import deadline_of
from gridcache.cluster.streams.receiver import Receiver, body_nbytes
from gridcache.cluster.streams.sender import Sender
from gridcache.cluster.streams.wire import (
    HELD,
    HELD_STILL,
    Buffer,
    Message,
    Meta,
    WireError,
)

__all__ = ["Channel"]

_KEEPALIVE = {"TCP_KEEPIDLE": 5, "TCP_KEEPINTVL": 2, "TCP_KEEPCNT": 3}
"""A machine that is gone without a word is noticed after 11 s."""


class Channel:
    """One authenticated connection.

    Any failure, also an interrupt, leaves it unusable: close it then.

    Parameters
    ----------
    sock
        Connected; the channel owns it from here on.
    """

    __slots__ = ("_poll", "_receiver", "_sender", "_sock")

    def __init__(self, sock: socket.socket) -> None:
        _tune(sock)
        self._sock = sock
        self._sender = Sender(sock)
        self._receiver = Receiver(sock)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)

    def send(
        self, kind: int, op: str, meta: Meta, buffers: Sequence[Buffer], deadline: float
    ) -> None:
        """Send a message; ranges that are lent may change again when this returns."""
        lent_nbytes = self._sender.send(kind, op, meta, buffers, deadline)
        if lent_nbytes:
            deadline = deadline_of(deadline, lent_nbytes)
            self._expect(HELD_STILL, deadline)
            self._sender.send(HELD, "", {}, (), deadline)

    def wait(self) -> None:
        """Wait, without a limit, until a message begins."""
        self._receiver.wait()

    def receive(self, deadline: float) -> Message:
        """Receive a message up to its body, which must be taken next."""
        return self._receiver.message(deadline)

    def read(self, message: Message, deadline: float) -> list[memoryview]:
        """Take the body into memory; the caller has bounded its size."""
        if not message.lengths:
            return []
        buffers = self._receiver.read(message.lengths, deadline)
        self._confirm(message, deadline)
        return buffers

    def pour(
        self, message: Message, targets: Sequence[Target], deadline: float
    ) -> None:
        """Take the body into targets; if this raises, what they have is void."""
        self._receiver.pour(message.lengths, targets, deadline)
        self._confirm(message, deadline)

    def skip(self, message: Message, deadline: float) -> None:
        """Take the body and throw it away."""
        self.pour(message, [discard] * len(message.lengths), deadline)

    def is_quiet(self, wait_s: float = 0.0) -> bool:
        """Return whether the peer is there and has sent nothing, for `wait_s`."""
        return self._receiver.is_empty and not self._poll.poll(wait_s * 1000)

    def abort(self) -> None:
        """End the connection; a thread that waits in it gets an error."""
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection; the process's own end of it, after a fork."""
        self._sock.close()

    def _confirm(self, message: Message, deadline: float) -> None:
        if message.lent:
            deadline = deadline_of(deadline, body_nbytes(message.lengths))
            self._sender.send(HELD_STILL, "", {}, (), deadline)
            self._expect(HELD, deadline)

    def _expect(self, kind: int, deadline: float) -> None:
        if self._receiver.message(deadline).kind != kind:
            text = "an answer to a question that was not asked"
            raise WireError(text)


def _tune(sock: socket.socket) -> None:
    sock.settimeout(None)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        option = getattr(socket, name, None)  # not on every system
        if option is not None:
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
