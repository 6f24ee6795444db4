"""Connections: the open links of one process, kept from call to call.

A kept link that has died is noticed before it is lent out again. A forked child
starts with none: the parent's are closed there, and stay open here.
"""

import logging
import os
import threading
import time
import weakref
from contextlib import suppress

from gridcache.cluster.streams.link import Link, connect
from gridcache.cluster.streams.wire import Address
from gridcache.errors import ClosedError, PeerLostError

__all__ = ["Connections"]

_logger = logging.getLogger("gridcache")

_KEPT = 8
"""Idle links per address."""
_PRUNE_S = 1.0


class Connections:
    """Lends links, each to one thread at a time.

    Taking and giving back a kept link needs no lock: lists are atomic at their
    ends. The lock guards what is open, cut and closed.

    Parameters
    ----------
    key
        The grid's.
    name
        What servers call this process.
    """

    def __init__(self, key: bytes, name: str) -> None:
        self._key = key
        self._name = name
        self._lock = threading.Lock()
        self._idle: dict[Address, list[Link]] = {}
        self._open: set[Link] = set()
        self._cut: set[Address] = set()
        self._told: set[Address] = set()
        self._is_closed = False
        self._prune_at = 0.0
        _all_connections.add(self)

    def take_kept(self, address: Address) -> Link | None:
        """Lend a link that was given back, if one is alive."""
        idle = self._idle.get(address)
        while idle:
            try:
                link = idle.pop()
            except IndexError:  # another thread was faster
                break
            if link.is_quiet():
                return link
            self.drop(link)
        return None

    def open(self, address: Address, deadline: float) -> Link:
        """Connect anew; raises `PeerLostError` with `sent=False`."""
        self._check(address)
        self._prune()
        try:
            link = connect(address, self._key, self._name, deadline)
        except PeerLostError as error:
            self._tell(address, error)
            raise
        with self._lock:
            self._open.add(link)
        try:
            self._check(address)  # it may have been cut meanwhile
        except BaseException:
            self.drop(link)
            raise
        return link

    def give(self, link: Link) -> None:
        """Take a link back that is ready for the next request."""
        idle = self._idle.setdefault(link.address, [])
        if len(idle) >= _KEPT:
            self.drop(link)
            return
        idle.append(link)
        if self._is_closed:
            self.close()

    def drop(self, link: Link) -> None:
        """Close a link."""
        with self._lock:
            self._open.discard(link)
        link.close()

    def cut(self, address: Address) -> None:
        """End the links to an address and refuse to open further ones."""
        with self._lock:
            self._cut.add(address)
            links = [link for link in self._open if link.address == address]
        for link in links:
            link.abort()

    def mend(self, address: Address) -> None:
        """Undo `cut`."""
        with self._lock:
            self._cut.discard(address)

    def close(self) -> None:
        """Close what is idle and end what is not."""
        with self._lock:
            self._is_closed = True
            links = list(self._open)
        for link in links:
            link.abort()  # its caller drops it
        for idle in list(self._idle.values()):
            while idle:
                with suppress(IndexError):
                    self.drop(idle.pop())

    def abandon(self) -> None:
        """Close what a forked child has inherited."""
        # The lock may be held by a thread that the child does not have.
        self._lock = threading.Lock()
        for link in self._open:
            link.close()
        self._open, self._idle = set(), {}

    def _check(self, address: Address) -> None:
        if self._is_closed:
            text = "the connections of this process were closed"
            raise ClosedError(text)
        if address in self._cut:
            text = f"the connection to {address[0]}:{address[1]} is cut"
            raise PeerLostError(text, sent=False, reason="cut", address=list(address))

    def _prune(self) -> None:
        """Close idle links whose servers have gone, of any address; not too often."""
        now = time.monotonic()
        if now < self._prune_at:
            return
        self._prune_at = now + _PRUNE_S
        for idle in list(self._idle.values()):
            for _ in range(len(idle)):
                try:
                    link = idle.pop(0)
                except IndexError:
                    break
                if link.is_quiet():
                    idle.append(link)
                else:
                    self.drop(link)

    def _tell(self, address: Address, error: PeerLostError) -> None:
        """Log a wrong key, once: trying again will not help."""
        if error.context.get("reason") != "key" or address in self._told:
            return
        self._told.add(address)
        _logger.warning("%s", error)


def _after_fork_in_child() -> None:
    for connections in list(_all_connections):
        connections.abandon()


_all_connections: "weakref.WeakSet[Connections]" = weakref.WeakSet()
os.register_at_fork(after_in_child=_after_fork_in_child)
