"""Local: what one process needs to take part in the grid of its node's store.

Made once per store and process, shared by all its caches. Without Ray.
"""

import threading
import time
import weakref
from collections.abc import Iterable, Mapping

from gridcache.cluster.client.far_flights import FarFlights
from gridcache.cluster.home.facts import read_facts
from gridcache.cluster.home.flight_service import teach
from gridcache.cluster.home.home import Home
from gridcache.cluster.home.moved import is_moved
from gridcache.cluster.home.owner import Owner
from gridcache.cluster.home.registry import Registry
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.cluster.table.placement import partition_of
from gridcache.cluster.table.view import Member, View
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.errors import GridCacheError, PeerLostError
from gridcache.store.node_store import NodeStore

__all__ = ["Local", "local_of"]

_FIRST_PAUSE_S = 2e-3
_LONGEST_PAUSE_S = 50e-3


class Local:
    """One process's part in the grid of a store."""

    def __init__(self, store: NodeStore) -> None:
        self.standing = Standing(store.directory)
        self.peers = Peers(self.standing.key, name=self.standing.node)
        facts = read_facts(store.directory)
        self.replicas = facts.replicas if facts is not None else 1
        """Copies of a value unless a put says otherwise."""
        self.home = Home(store, self.standing)
        self.tier = tier_of(store)
        self.owner = Owner(store, self.standing, self.peers)
        self.registry = Registry(store, self.standing)
        teach(store.flights, store, self.standing)
        self.flights = FarFlights(store, self)

    def owner_of(self, space: str, text: str) -> tuple[int, View, Member | None]:
        """Partition, view and owner of a key; the owner None if nobody is."""
        partition, view = partition_of(space, text), self.standing.view()
        return partition, view, view.owner(partition)

    def is_here(self, member: Member | None) -> bool:
        """True if a member is this process's node."""
        return member is not None and member.number == self.standing.member

    def others(self) -> list[Member]:
        """Every other member."""
        me = self.standing.member
        return [one for one in self.standing.view().members if one.number != me]

    def ask(
        self, op: str, metas: Mapping[int, Meta], *, timeout_s: float | None = None
    ) -> dict[int, Answer]:
        """Ask members, each its own, all at once.

        Returns
        -------
        dict[int, Answer]
            By member; who is none any more, does not answer or serves it no more is
            left out.
        """
        view = self.standing.view()
        requests = {
            number: Request(member.address, op, {**meta, "to": number})
            for number, meta in metas.items()
            if (member := view.member(number)) is not None
        }
        if not requests:
            return {}
        answers = self.peers.call_many(list(requests.values()), timeout_s=timeout_s)
        return {
            number: answer
            for number, answer in zip(requests, answers, strict=True)
            if isinstance(answer, Answer) and not is_moved(answer)
        }

    def ask_all(
        self, members: Iterable[Member], op: str, meta: Meta
    ) -> list[tuple[Member, Answer]]:
        """Ask several members the same; who does not answer is left out."""
        asked = {one.number: one for one in members}
        told = self.ask(op, dict.fromkeys(asked, meta))
        return [(asked[number], answer) for number, answer in told.items()]


class Patience:
    """Pauses between tries that wait for a newer view, up to a time."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._pause_s = _FIRST_PAUSE_S

    def wait(self) -> bool:
        """Pause a little longer than before; False if the time is over."""
        if time.monotonic() > self._until:
            return False
        time.sleep(self._pause_s)
        self._pause_s = min(2 * self._pause_s, _LONGEST_PAUSE_S)
        return True


def was_sent(error: GridCacheError) -> bool:
    """True if a request that failed may have been carried out."""
    return not isinstance(error, PeerLostError) or error.sent


_locals: "weakref.WeakKeyDictionary[NodeStore, Local]" = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def local_of(store: NodeStore) -> Local:
    """Take part in the grid that a store belongs to.

    Raises
    ------
    FileNotFoundError
        It belongs to none.
    """
    with _lock:
        local = _locals.get(store)
        if local is None:
            local = _locals[store] = Local(store)
        return local
