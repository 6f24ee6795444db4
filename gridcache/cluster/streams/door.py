"""Door: who is inside a server, who may come in, and who is told off.

Connections that have not proven the key are few, so that a flood of them takes
neither threads nor memory from the members. A refusal is logged once per host
and reason: garbage that keeps coming does not fill the log.
"""

import logging
import socket
import threading
from contextlib import suppress

from gridcache.cluster.streams.auth import AuthError
from gridcache.cluster.streams.session import Session

__all__ = ["Door"]

_logger = logging.getLogger("gridcache")

_MOST_STRANGERS = 64
"""Connections that have not proven the key yet."""
_MOST_SESSIONS = 4096
_MOST_LOGGED = 1024


class Door:
    """Keeps count of a server's connections; for many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._strangers: set[socket.socket] = set()
        self._sessions: set[Session] = set()
        self._cut: set[str] = set()
        self._logged: set[tuple[str, str]] = set()
        self._is_shut = False

    def knock(self, sock: socket.socket) -> str:
        """Count a new connection; returns why it is refused, if it is."""
        with self._lock:
            if self._is_shut:
                return "the server is closing"
            if len(self._strangers) >= _MOST_STRANGERS:
                return "too many connections that have not proven the key"
            self._strangers.add(sock)
            return ""

    def enter(self, sock: socket.socket, session: Session) -> None:
        """Let a connection in that has proven the key; raises an error if it may not."""
        with self._lock:
            self._strangers.discard(sock)
            if self._is_shut or session.peer in self._cut:
                raise ConnectionError
            if len(self._sessions) >= _MOST_SESSIONS:
                text = "too many connections"
                raise AuthError(text)
            self._sessions.add(session)

    def leave(self, sock: socket.socket, session: Session | None) -> None:
        """Count a connection no more."""
        with self._lock:
            self._strangers.discard(sock)
            if session is not None:
                self._sessions.discard(session)

    def refuse(self, host: str, reason: str) -> None:
        """Log a refusal, unless the same one was logged before."""
        with self._lock:
            known = (host, reason) in self._logged
            if known or len(self._logged) >= _MOST_LOGGED:
                return
            self._logged.add((host, reason))
        _logger.warning("refused a connection from %s: %s", host, reason)

    def cut(self, peer: str) -> None:
        """End the connections of a peer and refuse further ones."""
        with self._lock:
            self._cut.add(peer)
            sessions = [one for one in self._sessions if one.peer == peer]
        for session in sessions:
            session.abort()

    def mend(self, peer: str) -> None:
        """Undo `cut`."""
        with self._lock:
            self._cut.discard(peer)

    def shut(self) -> None:
        """End all connections and refuse further ones."""
        with self._lock:
            self._is_shut = True
            strangers, sessions = list(self._strangers), list(self._sessions)
        for session in sessions:
            session.abort()
        for sock in strangers:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def abandon(self) -> None:
        """Close what a forked child has inherited; the parent's stays open."""
        # The lock may be held by a thread that the child does not have.
        self._lock = threading.Lock()
        for session in self._sessions:
            session.abandon()
        for sock in self._strangers:
            sock.close()
        self._strangers, self._sessions = set(), set()
        self._is_shut = True
