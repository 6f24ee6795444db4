"""Rooms: how much memory the other nodes have idle, as last told.

For whoever is short of room: the demoter of a node, and clients that place a new
value. Asked of all members at once, and not often.
"""

import time
from collections.abc import Iterable

from gridcache.cluster.client.local import Local, local_of
from gridcache.cluster.streams.peers import Request
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.view import Member
from gridcache.store.node_store import NodeStore

__all__ = ["Rooms", "idle_nbytes", "is_full", "rooms_of"]

IDLE = 0.75
"""Of the arena, up to which a node takes what others have no room for. Far enough
below the mark where it gives itself: else two full nodes would pass the same entries
to and fro."""
FULL = 0.90
"""Of the arena, from which a new value is better put elsewhere."""
_ASK_S = 2.0
"""How old what others said may be."""
_WAIT_S = 1.0
"""For who does not answer; a put may be waiting."""
_BESIDE = "rooms"


def is_full(store: NodeStore, nbytes: int) -> bool:
    """True if a node had to make room soon after taking so many bytes."""
    fill = store.cold.fill()
    return fill.used_nbytes + nbytes > FULL * fill.limit_nbytes


def idle_nbytes(store: NodeStore) -> int:
    """Bytes that a node takes for others."""
    fill = store.cold.fill()
    return max(int(IDLE * fill.limit_nbytes) - fill.used_nbytes, 0)


class Rooms:
    """Who has how much room for others, as last told.

    No lock: what a race loses is told again soon, and nobody takes more than it has.
    """

    def __init__(self, local: Local) -> None:
        self._local = local
        self._asked_at = float("-inf")
        self._idle: dict[int, int] = {}
        self._spare: dict[int, int] = {}

    def last_resorts(self, nbytes: int, among: Iterable[Member]) -> list[Member]:
        """List members that could take so many bytes at the cost of what they have.

        For what must not be lost and found no room: asked anew, since what was told
        before led here. Those with most room first.
        """
        self._ask()
        spare = self._spare
        able = [one for one in among if spare.get(one.number, 0) >= nbytes]
        return sorted(able, key=lambda one: -spare[one.number])

    def best(self, nbytes: int, among: Iterable[Member] | None = None) -> Member | None:
        """Find the member with most idle memory that holds so many bytes.

        Parameters
        ----------
        among
            None: all but this process's own node.
        """
        idle = self._told()
        fitting = [
            one
            for one in (self._local.others() if among is None else among)
            if not one.draining and idle.get(one.number, 0) >= nbytes
        ]
        return max(fitting, key=lambda one: idle.get(one.number, 0), default=None)

    def take(self, number: int, nbytes: int) -> None:
        """Note that a member has so much less."""
        self._idle[number] = self._idle.get(number, 0) - nbytes

    def forget(self, number: int) -> None:
        """Note that a member refused, or is away."""
        self._idle[number] = 0

    def _told(self) -> dict[int, int]:
        if time.monotonic() - self._asked_at >= _ASK_S:
            self._ask()
        return self._idle

    def _ask(self) -> None:
        self._asked_at = time.monotonic()  # the others go by what is known
        members = self._local.others()
        requests = [Request(one.address, "room", {"to": one.number}) for one in members]
        answers = self._local.peers.call_many(requests, timeout_s=_WAIT_S)
        told = {
            member.number: answer.meta
            for member, answer in zip(members, answers, strict=True)
            if isinstance(answer, Answer)
        }
        self._idle = {one: meta.get("idle", 0) for one, meta in told.items()}
        self._spare = {one: meta.get("spare", 0) for one, meta in told.items()}


def rooms_of(store: NodeStore) -> Rooms:
    """Find what this process knows of the others' room."""
    rooms = store.beside.get(_BESIDE)
    if rooms is None:
        rooms = store.beside.setdefault(_BESIDE, Rooms(local_of(store)))
    return rooms  # type: ignore[no-any-return]
