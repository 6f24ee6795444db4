"""Farewell: a node that goes gives away the immutable entries that only it has.

The dearest per byte first, to whoever has the most room, for as long as there is
time; nothing is evicted for them elsewhere. What stays is recomputed one day.
Mutable entries are not meant here: they go with their partitions.
"""

import heapq
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from threading import Event

from gridcache.cluster.handover.gathering import Found, entries
from gridcache.cluster.handover.parcel import LARGE, Parcel, frames_of
from gridcache.cluster.handover.registration import Registration, by_home
from gridcache.cluster.home.items import buffers_of, entry_meta, space_meta
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.peers import Peers, Request
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.view import Member, View
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.errors import GridCacheError
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry

__all__ = ["Farewell", "Given"]

_SORTED = 10_000
"""Entries in memory at once."""
_ASKED = 200
"""Keys that are dealt with together."""
_OVERHEAD_NBYTES = 512
"""What an entry takes besides its value, about."""
_PARCEL_NBYTES = 8 << 20
_TRIES = 20
_PAUSE_S = 0.05

Rank = tuple[float, bytes]


@dataclass(slots=True)
class Given:
    """How far a farewell has come."""

    entries: int = 0
    nbytes: int = 0
    kept: int = 0
    """Entries that only this node has, and nobody took."""
    done: bool = False
    """True once every entry was looked at."""


class Farewell:
    """Gives copies away, at one node."""

    def __init__(
        self,
        store: NodeStore,
        standing: Standing,
        peers: Peers,
        registration: Registration,
        ended: Event,
    ) -> None:
        self._store = store
        self._standing = standing
        self._peers = peers
        self._registration = registration
        self._ended = ended
        self.given = Given()
        """Of the last call, or of the one under way."""

    def hand_over(self, time_limit_s: float) -> Given:
        """Give away what only this node has, while others stay to take it."""
        given = self.given = Given()
        until = time.monotonic() + time_limit_s
        rooms = self._rooms()
        below: Rank | None = None
        while rooms and not self._is_over(until):
            dearest = self._dearest(below)
            if not dearest:
                given.done = True
                break
            below = _rank(dearest[-1])
            self._give(dearest, rooms, until)
        return given

    def _is_over(self, until: float) -> bool:
        return time.monotonic() > until or self._ended.is_set()

    # -- what to give ------------------------------------------------------

    def _dearest(self, below: Rank | None) -> list[Found]:
        """The next entries by what their bytes cost to compute."""
        tier = tier_of(self._store).open()
        demoted = tier.of_partitions(range(PARTITIONS)) if tier is not None else ()
        every = chain(entries(self._store, range(PARTITIONS), _is_immutable), demoted)
        left = (one for one in every if below is None or _rank(one) < below)
        return heapq.nlargest(_SORTED, left, _rank)

    def _only_here(self, view: View, batch: list[Found]) -> Iterator[Found]:
        me = self._standing.member
        others = {one.number for one in view.members} - {me}
        for group in by_home(view, batch):
            holders = self._holders(view, group)
            for one, known in zip(group, holders, strict=True):
                # What others read of a pinned value they may evict.
                if one.entry.pinned or others.isdisjoint(known):
                    yield one

    def _holders(self, view: View, group: list[Found]) -> list[list[int]]:
        """Who has copies; nobody if the home does not answer."""
        home = view.owner(group[0].partition)
        meta = {
            "space": space_meta(group[0].space),
            "keys": [one.text for one in group],
        }
        nobody: list[list[int]] = [[] for _ in group]
        if home is None:
            return nobody
        try:
            about = {**meta, "to": home.number}
            answer = self._peers.call(home.address, "holders", about)
        except GridCacheError:
            return nobody
        found: list[list[int]] = answer.meta.get("holders", nobody)
        return found

    # -- whom to give it to ------------------------------------------------

    def _rooms(self) -> dict[int, int]:
        """By member that stays: how many bytes fit there."""
        view, me = self._standing.view(), self._standing.member
        staying = [one for one in view.members if one.number != me and not one.draining]
        asked = [Request(one.address, "spare", {"to": one.number}) for one in staying]
        return {
            one.number: answer.meta.get("nbytes", 0)
            for one, answer in zip(staying, self._peers.call_many(asked), strict=True)
            if not isinstance(answer, GridCacheError)
        }

    def _give(self, dearest: list[Found], rooms: dict[int, int], until: float) -> None:
        for start in range(0, len(dearest), _ASKED):
            if self._is_over(until):
                return
            view = self._standing.view()
            batch = dearest[start : start + _ASKED]
            shares: dict[int, list[Found]] = {}
            for one in self._only_here(view, batch):
                number = max(rooms, key=lambda member: rooms[member], default=0)
                nbytes = one.entry.stored_nbytes + _OVERHEAD_NBYTES
                if rooms.get(number, 0) < nbytes:
                    self.given.kept += 1
                    continue
                rooms[number] -= nbytes
                shares.setdefault(number, []).append(one)
            for number, share in shares.items():
                self._send(view, number, share, rooms)

    def _send(
        self, view: View, number: int, share: list[Found], rooms: dict[int, int]
    ) -> None:
        """Send to one member, and register it as a holder."""
        member = view.member(number)
        kept: list[Found] = []
        if member is not None:
            try:
                for group in _parcels(share):
                    kept += self._sent(member, group)
            except GridCacheError:
                rooms.pop(number, None)
        self.given.kept += len(share) - len(kept)
        self.given.entries += len(kept)
        self.given.nbytes += sum(one.entry.stored_nbytes for one in kept)
        self._register(number, kept)

    def _sent(self, member: Member, group: list[Found]) -> list[Found]:
        """Send a group; returns what the member has now."""
        if group[0].entry.body_nbytes > LARGE:
            return group if self._sent_large(member, group[0]) else []
        parcel = Parcel()
        packed = [one for one in group if parcel.add(self._store, one, whole=True)]
        if not packed:
            return []
        meta = {**parcel.meta, "to": member.number}
        answer = self._peers.call(member.address, "keep_many", meta, parcel.buffers)
        return [packed[number] for number in answer.meta.get("kept", ())]

    def _sent_large(self, member: Member, one: Found) -> bool:
        read = frames_of(self._store, one)
        if read is None:
            return False
        entry, frames = read
        meta = {
            **entry_meta(one.key, entry),
            "space": space_meta(one.space),
            "header": frames.header.hex(),
            "to": member.number,
        }
        answer = self._peers.call(member.address, "keep", meta, buffers_of(frames))
        return "member" in answer.meta

    def _register(self, holder: int, kept: list[Found]) -> None:
        """Tell the homes who has it now; once more if they are others by then."""
        for _ in range(_TRIES):
            view = self._standing.view()
            failed: set[int] = set()
            for group in by_home(view, kept):
                failed |= self._registration.tell(view, group, holder)
            kept = [one for one in kept if one.partition in failed]
            if not kept:
                return
            time.sleep(_PAUSE_S)


def _is_immutable(_partition: int, entry: Entry) -> bool:
    late = 0.0 < entry.expires <= time.time()
    return bool(entry.stamp.flags & IMMUTABLE) and not late


def _rank(found: Found) -> Rank:
    entry = found.entry
    return entry.cost_s / (entry.stored_nbytes + _OVERHEAD_NBYTES), found.key


def _parcels(share: Iterable[Found]) -> Iterator[list[Found]]:
    """Small entries together as far as they may, large ones alone."""
    small: list[Found] = []
    nbytes = 0
    for one in share:
        if one.entry.body_nbytes > LARGE:
            yield [one]
            continue
        small.append(one)
        nbytes += one.entry.stored_nbytes
        if nbytes > _PARCEL_NBYTES:
            yield small
            small, nbytes = [], 0
    if small:
        yield small
