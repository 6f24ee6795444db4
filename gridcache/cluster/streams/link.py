"""Link: the client's side of one connection, one question after another.

Translates what can go wrong with it into `PeerLostError`, which says whether the
request may have been carried out: a server does not act on half a request.
"""

import socket
import time
from collections.abc import Sequence

from gridcache.cluster.streams.auth import AuthError, introduce
from gridcache.cluster.streams.bodies import Sink, Target, check_targets
from gridcache.cluster.streams.channel import Channel
from gridcache.cluster.streams.receiver import body_nbytes
from gridcache.cluster.streams.travel import rebuild
from gridcache.cluster.streams.wire import (
    ANSWER,
    ERROR,
    REQUEST,
    Address,
    Answer,
    Buffer,
    Message,
    Meta,
    WireError,
)
from gridcache.errors import GridCacheError, PeerError, PeerLostError

__all__ = ["Link", "connect", "lost"]

ANSWER_LIMIT_NBYTES = 1 << 30
"""Of an answer in memory; a sink takes any."""
_CONNECT_TIMEOUT_S = 3.0
"""Long enough for one repeated attempt of TCP."""


class Link:
    """One connection to a server; one thread at a time.

    Any exception leaves it unusable: close it then.
    """

    __slots__ = ("__weakref__", "_channel", "address")

    def __init__(self, address: Address, channel: Channel) -> None:
        self.address = address
        self._channel = channel

    def ask(
        self, op: str, meta: Meta, buffers: Sequence[Buffer], deadline: float
    ) -> None:
        """Send a request; raises `PeerLostError` with `sent=False`."""
        try:
            self._channel.send(REQUEST, op, meta, buffers, deadline)
        except OSError as error:
            raise lost(self.address, error, sent=False) from error

    def hear(self, into: Sink | None, deadline: float) -> Answer | GridCacheError:
        """Receive the answer, or the error that the other side raised.

        Raises `PeerLostError` with `sent=True`, and what the sink raises.
        """
        try:
            message = self._channel.receive(deadline)
            if message.kind not in (ANSWER, ERROR):
                text = "a message that is no answer"
                raise WireError(text)
        except OSError as error:
            raise lost(self.address, error, sent=True) from error
        if message.kind == ERROR:
            return rebuild(message.meta)
        if into is None:
            return Answer(message.meta, self._read(message, deadline))
        self._pour(message, into(message.meta, message.lengths), deadline)
        return Answer(message.meta)

    def _read(self, message: Message, deadline: float) -> list[memoryview]:
        nbytes = body_nbytes(message.lengths)
        if nbytes > ANSWER_LIMIT_NBYTES:
            text = f"an answer of {nbytes} bytes is too much at once; use a sink"
            raise PeerError(text, nbytes=nbytes)
        try:
            return self._channel.read(message, deadline)
        except OSError as error:
            raise lost(self.address, error, sent=True) from error

    def _pour(
        self, message: Message, targets: Sequence[Target], deadline: float
    ) -> None:
        check_targets(targets, message.lengths)
        marked = [_marked(target) for target in targets]
        try:
            self._channel.pour(message, marked, deadline)
        except _TargetError as failed:
            raise failed.error from None
        except OSError as error:
            raise lost(self.address, error, sent=True) from error

    def is_quiet(self) -> bool:
        """Return whether the server is there and owes no answer."""
        return self._channel.is_quiet()

    def abort(self) -> None:
        """End the connection; a thread that waits in it gets `PeerLostError`."""
        self._channel.abort()

    def close(self) -> None:
        """Close the connection."""
        self._channel.close()


def connect(address: Address, key: bytes, name: str, deadline: float) -> Link:
    """Connect and prove the key; raises `PeerLostError` with `sent=False`."""
    sock = None
    try:
        sock = socket.create_connection(address, _left_s(deadline))
        introduce(sock, key, name, _left_s(deadline))
        return Link(address, Channel(sock))
    except BaseException as error:
        if sock is not None:
            sock.close()
        if isinstance(error, OSError):
            raise lost(address, error, sent=False) from error
        raise


def _left_s(deadline: float) -> float:
    return min(max(deadline - time.monotonic(), 0.001), _CONNECT_TIMEOUT_S)


def lost(address: Address, error: OSError, *, sent: bool) -> PeerLostError:
    """Make the error for a connection that failed."""
    reason = next((word for cls, word in _REASONS if isinstance(error, cls)), "")
    text = f"lost {address[0]}:{address[1]}: {error}"
    return PeerLostError(
        text, sent=sent, reason=reason or "unreachable", address=list(address)
    )


_REASONS: tuple[tuple[type[OSError], str], ...] = (
    (AuthError, "key"),
    (WireError, "garbage"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "closed"),
    (TimeoutError, "timeout"),
)
"""Anything else is `unreachable`: no route, no such host."""


class _TargetError(Exception):
    """Carries what a target raised past those who look for lost connections."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


def _marked(target: Target) -> Target:
    if isinstance(target, memoryview):
        return target

    def write(chunk: memoryview) -> None:
        try:
            target(chunk)
        except Exception as error:
            raise _TargetError(error) from error

    return write
