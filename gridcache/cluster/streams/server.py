"""Server: where other members of the grid connect to this one.

A thread accepts, and each connection has a thread of its own that first has the
client prove the grid's key. Who may come in is `gridcache.cluster.streams.door`, requests
are `gridcache.cluster.streams.session`.
"""

import contextlib
import os
import select
import socket
import threading
import time
import weakref
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from gridcache.cluster.streams.auth import AuthError, admit, welcome
from gridcache.cluster.streams.bodies import Budget
from gridcache.cluster.streams.channel import Channel
from gridcache.cluster.streams.door import Door
from gridcache.cluster.streams.session import Handle, Session, StreamHandle, Work
from gridcache.cluster.streams.wire import Address

__all__ = ["Server"]

BODY_LIMIT_NBYTES = 64 << 20
_BUDGET_NBYTES = 256 << 20
_PROOF_TIMEOUT_S = 5.0
_BACKLOG = 256
_PAUSE_S = 0.1
"""After a failed accept (no descriptors left): time for some to be closed."""
_JOIN_S = 5.0


class Server:
    """Answers requests of whoever holds the grid's key.

    It listens from the start and answers once started.

    Parameters
    ----------
    key
        The grid's.
    handle
        Answers requests; called by many threads at once.
    host, port
        What to listen at; port 0 picks a free one.
    streams
        Functions for the ops whose bodies are not held in memory.
    timeout_s
        For a message to come in or go out, see `limits.deadline_of`. A handler
        may take longer.
    """

    def __init__(
        self,
        key: bytes,
        handle: Handle,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        streams: Mapping[str, StreamHandle] | None = None,
        timeout_s: float = 10.0,
    ) -> None:
        self._key = key
        budget = Budget(_BUDGET_NBYTES)
        self._work = Work(handle, streams or {}, budget, BODY_LIMIT_NBYTES, timeout_s)
        self._listener = _listen(host, port)
        self.address: Address = self._listener.getsockname()[:2]
        """Where it listens."""
        self._wake, self._waker = socket.socketpair()
        self._stop = threading.Event()
        self._door = Door()
        self._threads: set[threading.Thread] = set()
        self._acceptor = self._thread(self._accept)
        _servers.add(self)

    def start(self) -> Self:
        """Begin to answer."""
        self._acceptor.start()
        return self

    def close(self) -> None:
        """End all connections; waits a little for the handlers. Idempotent."""
        self._stop.set()
        with contextlib.suppress(OSError):
            self._waker.send(b"!")
        if self._acceptor.is_alive():
            self._acceptor.join()
        for sock in (self._listener, self._wake, self._waker):
            sock.close()
        self._door.shut()
        deadline = time.monotonic() + _JOIN_S
        for thread in self._threads - {threading.current_thread()}:
            thread.join(max(0.0, deadline - time.monotonic()))

    def cut(self, peer: str) -> None:
        """As if the network to a peer, by the name it gives, were cut."""
        self._door.cut(peer)

    def mend(self, peer: str) -> None:
        """Undo `cut`."""
        self._door.mend(peer)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _thread(self, target: Any, *args: Any) -> threading.Thread:
        # Daemons: a handler that hangs must not keep the process from ending.
        return threading.Thread(
            target=target, args=args, name="gridcache-server", daemon=True
        )

    def _accept(self) -> None:
        poll = select.poll()
        poll.register(self._listener, select.POLLIN)
        poll.register(self._wake, select.POLLIN)
        while not self._stop.is_set():
            poll.poll()
            try:
                sock, address = self._listener.accept()
            except BlockingIOError:
                continue  # woken up, or the client is gone again
            except OSError:
                self._stop.wait(_PAUSE_S)
                continue
            self._receive(sock, address[0], address[1])

    def _receive(self, sock: socket.socket, host: str, port: int) -> None:
        reason = self._door.knock(sock) or self._begin(sock, (host, port))
        if reason:
            self._door.refuse(host, reason)
            self._door.leave(sock, None)
            sock.close()

    def _begin(self, sock: socket.socket, address: Address) -> str:
        """Start a connection's thread; returns why that is impossible, if it is."""
        thread = self._thread(self._serve, sock, address)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            self._threads.discard(thread)
            return str(error)
        return ""

    def _serve(self, sock: socket.socket, address: Address) -> None:
        try:
            self._admit(sock, address)
        finally:
            sock.close()
            self._threads.discard(threading.current_thread())

    def _admit(self, sock: socket.socket, address: Address) -> None:
        """Serve a client that proves the key until it hangs up."""
        timeout_s = min(_PROOF_TIMEOUT_S, self._work.timeout_s)
        session = None
        try:
            peer = admit(sock, self._key, timeout_s)
            session = Session(Channel(sock), peer, address, self._work)
            self._door.enter(sock, session)
            welcome(sock)
            session.run()
        except (AuthError, TimeoutError) as error:
            self._door.refuse(address[0], str(error))
        except OSError:
            pass  # it hung up
        finally:
            self._door.leave(sock, session)

    def _abandon(self) -> None:
        """Let go, in a forked child, of what belongs to the parent."""
        self._stop.set()
        self._threads = set()
        for sock in (self._listener, self._wake, self._waker):
            sock.close()
        self._door.abandon()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    listener.setblocking(False)
    return listener


def _after_fork_in_child() -> None:
    for server in list(_servers):
        server._abandon()


_servers: "weakref.WeakSet[Server]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
