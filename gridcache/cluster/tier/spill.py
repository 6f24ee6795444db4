"""Spill: entries that leave one node's memory for the idle memory of another.

A copy is stored there first, then made known at the home of its key under the other's
number; only then may it leave here. If its key was deleted meanwhile the home says so,
and both copies go. What the other end does is in `spill_desk`.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gridcache.cluster.client.local import Local, local_of
from gridcache.cluster.home.directory import EVERY_EDITION
from gridcache.cluster.home.items import (
    LARGE,
    buffers_of,
    entry_meta,
    hit_frames,
    space_meta,
)
from gridcache.cluster.streams.wire import Meta
from gridcache.cluster.table.view import Member
from gridcache.cluster.tier.demotion import Carried
from gridcache.cluster.tier.rooms import rooms_of
from gridcache.cluster.tier.spill_desk import DELETED, KNOWN, REFUSED, TOOK
from gridcache.codec.frames import Frames
from gridcache.errors import GridCacheError
from gridcache.store.coldest import Cold
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import Entry

__all__ = ["Spill"]

_MESSAGE_NBYTES = 8 << 20
"""Bodies in one message; a large one goes alone."""


class _Parcel(NamedTuple):
    """An entry with the frames that belong to it."""

    cold: Cold
    entry: Entry
    frames: Frames
    hit: Hit
    """Holds them leased."""


class Spill:
    """Takes entries of one node to others; see `demotion.OtherNodes`."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store

    @property
    def _local(self) -> Local:
        return local_of(self._store)

    def has_room(self) -> bool:
        """True if another node's memory is idle."""
        standing = self._local.standing
        return standing.has_lease() and rooms_of(self._store).best(1) is not None

    def move(self, colds: Sequence[Cold]) -> Carried:
        """Store copies elsewhere, and make them known."""
        moved = Carried([], [])
        for batch in _messages(colds):
            nbytes = sum(cold.entry.extent_nbytes for cold in batch)
            member = rooms_of(self._store).best(nbytes)
            if member is None:
                moved.refused.extend(batch)
                continue
            safe, refused = self._move(member, batch)
            moved.safe.extend(safe)
            moved.refused.extend(refused)
            rooms_of(self._store).take(member.number, nbytes)
        return moved

    def _move(self, member: Member, batch: list[Cold]) -> Carried:
        parcels = [one for cold in batch if (one := self._pack(cold)) is not None]
        if not parcels:
            return Carried([], [])
        try:
            told = self._send(member, parcels)
        except GridCacheError:
            told = [REFUSED] * len(parcels)
        if REFUSED in told:
            rooms_of(self._store).forget(member.number)
        answers = list(zip((one.cold for one in parcels), told, strict=True))
        there = {cold: word for cold, word in answers if word != REFUSED}
        refused = [cold for cold, word in answers if word == REFUSED]
        return Carried(self._make_known(member, there), refused)

    def _pack(self, cold: Cold) -> _Parcel | None:
        """Read an entry; None if it is another by now."""
        store = self._store
        hit = store.get(cold.key, cold.entry.long_key, raw=True, count=False)
        entry = store.snapshot(lambda txn: store.entry_in(txn, cold.key))
        if not isinstance(hit, Hit) or entry is None:
            return None
        same = hit.generation == entry.generation == cold.entry.generation
        if not same or entry.body_nbytes != hit.body.nbytes:  # compressed meanwhile
            return None
        frames = hit_frames(hit, viewable=entry.viewable, raw_nbytes=entry.raw_nbytes)
        return _Parcel(cold, entry, frames, hit)

    def _send(self, member: Member, parcels: Sequence[_Parcel]) -> list[int]:
        """Have a member take copies; returns what it says of each."""
        space = parcels[0].cold.space
        meta: Meta = {"to": member.number, "space": space_meta(space)}
        if len(parcels) == 1:
            (one,) = parcels
            about = entry_meta(one.cold.key, one.entry)
            op, meta = "spill_one", {**meta, **about, "header": one.frames.header.hex()}
            buffers = buffers_of(one.frames)
        else:
            pieces = [buffers_of(one.frames) for one in parcels]
            meta["items"] = [
                {**entry_meta(one.cold.key, one.entry), "buffers": len(some)}
                for one, some in zip(parcels, pieces, strict=True)
            ]
            op, buffers = "spill", [piece for some in pieces for piece in some]
        answer = self._local.peers.call(member.address, op, meta, buffers)
        told: list[int] = answer.meta.get("taken", [REFUSED] * len(parcels))
        return told

    # -- making them known -------------------------------------------------

    def _make_known(self, member: Member, there: dict[Cold, int]) -> list[Cold]:
        """Register copies at their homes; returns those that count now."""
        told = self._ask_homes(member, list(there))
        for cold, word in there.items():
            if told.get(cold) == DELETED:
                edition = cold.entry.stamp.origin + 1
                self._drop_at(member, cold, edition)
                self._local.registry.drop(cold.space, cold.text, edition)
            elif told.get(cold) != KNOWN and word == TOOK:
                self._drop_at(member, cold, EVERY_EDITION)
        return [cold for cold in there if told.get(cold) == KNOWN]

    def _ask_homes(self, member: Member, colds: list[Cold]) -> dict[Cold, str]:
        homes: dict[int, list[Cold]] = {}
        for cold in colds:
            _, _, owner = self._local.owner_of(cold.space.name, cold.text)
            if owner is not None:
                homes.setdefault(owner.number, []).append(cold)
        metas = {number: _claims(member, some) for number, some in homes.items()}
        told: dict[Cold, str] = {}
        for number, answer in self._local.ask("settle", metas).items():
            told |= zip(homes[number], answer.meta["settled"], strict=True)
        return told

    def _drop_at(self, member: Member, cold: Cold, edition: int) -> None:
        meta = {"space": cold.space.name, "key": cold.text, "edition": edition}
        self._local.ask_all([member], "drop", meta)


def _claims(holder: Member, colds: Sequence[Cold]) -> Meta:
    items = [
        (cold.text, cold.entry.stamp.origin, cold.entry.body_nbytes) for cold in colds
    ]
    space = space_meta(colds[0].space)
    return {"space": space, "member": holder.number, "items": items}


def _messages(colds: Sequence[Cold]) -> Iterable[list[Cold]]:
    """Entries by namespace, a few MiB at a time, large ones alone."""
    spaces: dict[int, list[Cold]] = {}
    for cold in colds:
        if cold.entry.extent_nbytes > LARGE:
            yield [cold]
            continue
        batch = spaces.setdefault(cold.space.id, [])
        batch.append(cold)
        if sum(one.entry.extent_nbytes for one in batch) > _MESSAGE_NBYTES:
            yield spaces.pop(cold.space.id)
    yield from spaces.values()
