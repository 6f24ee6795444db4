"""Session: the server's side of one connection, request after request.

A request's body is buffered in memory, within a budget that all sessions share,
or handed to a function that streams it, by op. Whatever a handler raises goes to
the caller; only a connection that is lost or talks nonsense ends a session.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from gridcache.cluster.streams.bodies import Budget
from gridcache.cluster.streams.channel import Channel
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.receiver import EndOfStreamError, body_nbytes
from gridcache.cluster.streams.travel import describe
from gridcache.cluster.streams.wire import (
    ANSWER,
    ERROR,
    REQUEST,
    Address,
    Answer,
    Message,
    Meta,
    WireError,
)
from gridcache.errors import GridCacheError, ValueTooLargeError

__all__ = ["Handle", "Session", "StreamHandle", "Work"]

_logger = logging.getLogger("gridcache")

_UNCOUNTED_NBYTES = 64 << 10
"""Bodies up to this size do not ask the budget: as many as there are sessions."""


Handle = Callable[["Session", str, Meta, list[memoryview]], Answer]
"""Answers a request, given its op, meta and buffers, in its connection's thread.

What it raises, its caller raises.
"""
StreamHandle = Callable[["Session", Meta, Incoming], Answer]
"""As `Handle`, for a request whose body it takes itself.

Nothing may be committed before `Incoming.into` has returned.
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What the sessions of a server share."""

    handle: Handle
    streams: Mapping[str, StreamHandle]
    budget: Budget
    """For bodies in memory."""
    body_limit_nbytes: int
    """The largest body in memory."""
    timeout_s: float


class Session:
    """One connection of a client, which may have several.

    Parameters
    ----------
    channel
        Authenticated; the session closes it.
    peer
        The name the client gave.
    address
        Where it connected from.
    work
        What to do with requests.
    """

    def __init__(
        self, channel: Channel, peer: str, address: Address, work: Work
    ) -> None:
        self.peer = peer
        self.address = address
        self._channel = channel
        self._work = work
        self._lock = threading.Lock()
        self._callbacks: dict[object, Callable[[], object]] | None = {}

    def on_close(self, callback: Callable[[], object]) -> Callable[[], None]:
        """Call `callback` when the connection is over, at once if it is.

        It is called in the connection's thread. Returns what takes it back.
        """
        token = object()
        with self._lock:
            if self._callbacks is not None:
                self._callbacks[token] = callback
                return lambda: self._forget(token)
        callback()
        return lambda: None

    def _forget(self, token: object) -> None:
        with self._lock:
            if self._callbacks is not None:
                self._callbacks.pop(token, None)

    def lost(self, wait_s: float = 0.0) -> bool:
        """Wait until the client hangs up; returns whether it has.

        For a handler that waits for something, in whose time limit the client
        may be gone or the server be closed.
        """
        return not self._channel.is_quiet(wait_s)

    def abort(self) -> None:
        """End the connection, from any thread."""
        self._channel.abort()

    def abandon(self) -> None:
        """Close a forked child's share of the connection."""
        self._channel.close()

    def run(self) -> None:
        """Serve until the connection is over."""
        try:
            while True:
                self._channel.wait()
                self._serve_one()
        except (WireError, TimeoutError) as error:
            _logger.warning("closed a connection of %s: %s", self.peer, error)
        except EndOfStreamError:
            pass
        except OSError as error:
            _logger.debug("lost a connection of %s: %s", self.peer, error)
        except Exception:
            _logger.exception("closed a connection of %s", self.peer)
        finally:
            self._close()

    def _close(self) -> None:
        with self._lock:
            callbacks, self._callbacks = self._callbacks or {}, None
        for callback in callbacks.values():
            try:
                callback()
            except Exception:
                _logger.exception("after a connection of %s", self.peer)
        self._channel.close()

    def _serve_one(self) -> None:
        deadline = time.monotonic() + self._work.timeout_s
        message = self._channel.receive(deadline)
        if message.kind != REQUEST:
            text = "a message that is no request"
            raise WireError(text)
        stream = self._work.streams.get(message.op)
        if stream is not None:
            self._serve_stream(stream, message, deadline)
        elif body_nbytes(message.lengths) <= _UNCOUNTED_NBYTES:
            self._serve_buffered(message, deadline)
        else:
            with self._memory_for(message, deadline) as is_small_enough:
                if is_small_enough:
                    self._serve_buffered(message, deadline)

    def _serve_stream(
        self, stream: StreamHandle, message: Message, deadline: float
    ) -> None:
        incoming = Incoming(self._channel, message, deadline)
        answer = self._attempt(lambda: stream(self, message.meta, incoming))
        incoming.drop()  # raises if the connection is why the handler failed
        self._reply(answer, message.op)

    def _serve_buffered(self, message: Message, deadline: float) -> None:
        buffers = self._channel.read(message, deadline)
        answer = self._attempt(
            lambda: self._work.handle(self, message.op, message.meta, buffers)
        )
        self._reply(answer, message.op)

    @contextmanager
    def _memory_for(self, message: Message, deadline: float) -> Iterator[bool]:
        """Wait for a body's share of the budget; False, and an error, if too large."""
        nbytes, limit = body_nbytes(message.lengths), self._work.body_limit_nbytes
        if nbytes <= limit:
            with self._work.budget.hold(nbytes, self._work.timeout_s):
                yield True
            return
        self._channel.skip(message, deadline)
        text = f"{message.op!r} takes at most {limit} bytes, not {nbytes}; split it"
        self._reply(ValueTooLargeError(text, nbytes=nbytes), message.op)
        yield False

    def _attempt(self, call: Callable[[], Answer]) -> Answer | Exception:
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - raised at the caller
            return error

    def _reply(self, answer: Answer | Exception, op: str) -> None:
        error = self._send_answer(answer) if isinstance(answer, Answer) else answer
        if error is None:
            return
        if not isinstance(error, GridCacheError):
            _logger.error("%r of %s failed", op, self.peer, exc_info=error)
        self._send(ERROR, Answer(describe(error)))

    def _send_answer(self, answer: Answer) -> Exception | None:
        try:
            self._send(ANSWER, answer)
        except (TypeError, ValueError) as error:  # raised before the first byte
            return error
        finally:
            if answer.done is not None:
                answer.done()
        return None

    def _send(self, kind: int, answer: Answer) -> None:
        deadline = time.monotonic() + self._work.timeout_s
        self._channel.send(kind, "", answer.meta, answer.buffers, deadline)
