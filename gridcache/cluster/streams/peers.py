"""Peers: calls to other members of the grid.

A connection carries one request at a time, so an answer that nobody reads stays
in the network's buffers: memory is bounded by the number of callers. Connections
are kept, see `gridcache.cluster.streams.connections`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from gridcache.cluster.streams.bodies import Sink
from gridcache.cluster.streams.connections import Connections
from gridcache.cluster.streams.link import Link
from gridcache.cluster.streams.wire import Address, Answer, Buffer, Meta
from gridcache.errors import GridCacheError, PeerLostError

__all__ = ["Line", "Peers", "Request"]

_GRACE_S = 1.0
"""For an answer that may have come while those of other peers were read."""


@dataclass(frozen=True, slots=True)
class Request:
    """One of several calls made together."""

    address: Address
    op: str
    meta: Meta
    buffers: Sequence[Buffer] = ()
    into: Sink | None = None


class Peers:
    """The other members' servers, as seen from one process; for many threads.

    Parameters
    ----------
    key
        The grid's.
    name
        What servers call this process, at most 64 bytes in UTF-8.
    timeout_s
        For a request to go out and its answer to come, unless a call says
        otherwise; a body has more, see `limits.deadline_of`.
    """

    def __init__(self, key: bytes, *, name: str = "", timeout_s: float = 10.0) -> None:
        self._connections = Connections(key, name)
        self._timeout_s = timeout_s

    def call(
        self,
        address: Address,
        op: str,
        meta: Meta,
        buffers: Sequence[Buffer] = (),
        *,
        into: Sink | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask a member and wait for its answer.

        Raises what the other side raised, `PeerLostError`, or what the sink
        raises. After an exception what a sink was given is void.
        """
        deadline = self._deadline(timeout_s)
        link = self._ask(address, op, meta, buffers, deadline)
        return _unwrap(self._hear(link, into, deadline))

    def call_many(
        self, requests: Sequence[Request], *, timeout_s: float | None = None
    ) -> list[Answer | GridCacheError]:
        """Ask several members at once: all requests go out, then answers are read.

        One failure does not touch the others: it stands where its answer would.
        What a sink raises is raised, and the other answers are lost with it.
        """
        deadline = self._deadline(timeout_s)
        asked: list[Link | GridCacheError] = []
        answers: list[Answer | GridCacheError] = []
        try:
            for one in requests:
                link = self._try_ask(one, deadline)
                asked.append(link)
            for one, to in zip(requests, asked, strict=True):
                answers.append(self._try_hear(to, one.into, deadline))
        except BaseException:
            self._drop_all(asked[len(answers) :])
            raise
        return answers

    def line(self, address: Address, *, timeout_s: float | None = None) -> "Line":
        """Open a connection of one's own: the server sees when it closes."""
        link = self._connections.open(address, self._deadline(timeout_s))
        return Line(link, self._connections, self._timeout_s)

    def cut(self, address: Address) -> None:
        """As if the network to an address were cut."""
        self._connections.cut(address)

    def mend(self, address: Address) -> None:
        """Undo `cut`."""
        self._connections.mend(address)

    def close(self) -> None:
        """Close all connections; calls under way fail. Idempotent."""
        self._connections.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _deadline(self, timeout_s: float | None) -> float:
        return time.monotonic() + (self._timeout_s if timeout_s is None else timeout_s)

    def _ask(
        self,
        address: Address,
        op: str,
        meta: Meta,
        buffers: Sequence[Buffer],
        deadline: float,
    ) -> Link:
        """Send a request over a kept connection, or a new one."""
        while True:
            kept = self._connections.take_kept(address)
            link = kept or self._connections.open(address, deadline)
            try:
                link.ask(op, meta, buffers, deadline)
            except PeerLostError as error:
                self._connections.drop(link)
                # A server that restarts closes kept connections at any moment.
                if kept is None or error.context["reason"] != "closed":
                    raise
            except BaseException:
                self._connections.drop(link)
                raise
            else:
                return link

    def _hear(
        self, link: Link, into: Sink | None, deadline: float
    ) -> Answer | GridCacheError:
        try:
            answer = link.hear(into, deadline)
        except BaseException:
            self._connections.drop(link)
            raise
        self._connections.give(link)
        return answer

    def _try_ask(self, one: Request, deadline: float) -> Link | GridCacheError:
        try:
            return self._ask(one.address, one.op, one.meta, one.buffers, deadline)
        except GridCacheError as error:
            return error

    def _try_hear(
        self, link: Link | GridCacheError, into: Sink | None, deadline: float
    ) -> Answer | GridCacheError:
        if isinstance(link, GridCacheError):
            return link
        try:
            return self._hear(link, into, max(deadline, time.monotonic() + _GRACE_S))
        except PeerLostError as error:
            return error

    def _drop_all(self, links: Sequence[Link | GridCacheError]) -> None:
        for link in links:
            if isinstance(link, Link):
                self._connections.drop(link)


class Line:
    """A connection of one's own to a member; for one thread at a time.

    Made by `Peers.line`. After `PeerLostError` it is of no more use.
    """

    def __init__(self, link: Link, connections: Connections, timeout_s: float) -> None:
        self._link = link
        self._connections = connections
        self._timeout_s = timeout_s

    def call(
        self,
        op: str,
        meta: Meta,
        buffers: Sequence[Buffer] = (),
        *,
        into: Sink | None = None,
        timeout_s: float | None = None,
    ) -> Answer:
        """Ask the member, as `Peers.call` does."""
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + limit_s
        try:
            self._link.ask(op, meta, buffers, deadline)
            answer = self._link.hear(into, deadline)
        except BaseException:
            self.close()
            raise
        return _unwrap(answer)

    def close(self) -> None:
        """Close the connection. Idempotent."""
        self._connections.drop(self._link)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _unwrap(answer: Answer | GridCacheError) -> Answer:
    if isinstance(answer, Answer):
        return answer
    raise answer
