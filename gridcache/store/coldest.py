"""Coldest: what would be evicted next, and how full the arena is.

For whoever makes room ahead of need, by moving entries elsewhere. The order is the
policies' own; what is leased by a reader or lies in the index is left out, since taking
it out would give no room. What is pinned by the user is picked only for whoever asks
for it, and has a copy elsewhere before it is taken out.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gridcache.store.access import HELD, INLINE, USED
from gridcache.store.block_records import blocks_nbytes
from gridcache.store.compressor import Compressor
from gridcache.store.eviction import get_policy
from gridcache.store.namespaces import Namespace, all_namespaces, load_account
from gridcache.store.outcome import MissReason
from gridcache.store.parts import Parts
from gridcache.store.records import Entry, entry_text
from gridcache.store.relief import Relief
from gridcache.store.statistics import load_counters
from gridcache.store.transaction import WriteTxn

__all__ = ["Cold", "Coldest", "Fill"]

_AT_ONCE = 8
"""Entries taken out per transaction: each dirties a handful of index pages."""
_LOOKED_AT = 64
"""Records unpacked per read transaction."""
_MOST = 1 << 16
"""Records ordered in one scan."""
_CAUSES = ("space", "quota", "index")


@dataclass(frozen=True, slots=True)
class Fill:
    """How full the arena, or a namespace's quota, is."""

    used_nbytes: int
    limit_nbytes: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.used_nbytes / self.limit_nbytes if self.limit_nbytes else 1.0

    @property
    def idle_nbytes(self) -> int:
        """What could still be stored; not a promise that one value of it fits."""
        return max(self.limit_nbytes - self.used_nbytes, 0)


@dataclass(frozen=True, slots=True, eq=False)
class Cold:
    """An entry that may go, as it was when it was looked at."""

    space: Namespace
    key: bytes
    entry: Entry

    @property
    def text(self) -> str:
        """Its key as users know it."""
        return entry_text(self.key, self.entry)


class Coldest:
    """The cold end of one store, for one process."""

    def __init__(self, parts: Parts, relief: Relief, compressor: Compressor) -> None:
        self._parts = parts
        self._relief = relief
        self._compressor = compressor

    # -- how full ----------------------------------------------------------

    def fill(self) -> Fill:
        """Look at the arena."""
        unused = self._relief.room.unused()
        state = self._parts.index.state()
        above = unused[1] if unused else 0
        return Fill(state.top - state.free_nbytes, state.top + above)

    def quotas(self) -> list[tuple[Namespace, Fill]]:
        """Look at namespaces that have one and may give."""

        def look(txn: WriteTxn) -> list[tuple[Namespace, Fill]]:
            return [
                (space, Fill(account.stored_nbytes, space.quota_nbytes))
                for space in self._parts.evictor.victims(txn)
                if space.quota_nbytes is not None
                for account in (load_account(txn, space.id),)
            ]

        return self._parts.index.snapshot(look)

    def pins(self, space: Namespace | None = None) -> list[Fill]:
        """Look at how much of the arena is pinned, and of a namespace's quota."""
        limit = self.fill().limit_nbytes

        def look(txn: WriteTxn) -> list[Fill]:
            each = [load_account(txn, one.id) for one in all_namespaces(txn)]
            pinned = sum(account.pinned_nbytes for account in each)
            fills = [Fill(pinned, max(limit - blocks_nbytes(txn), 0))]
            if space is not None and space.quota_nbytes is not None:
                own = load_account(txn, space.id).pinned_nbytes
                fills.append(Fill(own, space.quota_nbytes))
            return fills

        return self._parts.index.snapshot(look)

    def evictions(self) -> int:
        """Entries that went for want of room, as last merged by all processes."""

        def count(txn: WriteTxn) -> int:
            spaces = self._parts.evictor.victims(txn)
            counters = [load_counters(txn, space.id) for space in spaces]
            return sum(one.evictions[cause] for one in counters for cause in _CAUSES)

        return self._parts.index.snapshot(count)

    # -- choosing ----------------------------------------------------------

    def givers(self) -> list[Namespace]:
        """Namespaces that may give, the one most over its share first."""
        return self._parts.index.snapshot(self._parts.evictor.victims)

    def pick(
        self,
        space: Namespace,
        wanted: Callable[[Entry], bool],
        nbytes: int,
        most: int = 256,
        *,
        pinned: bool = False,
    ) -> list[Cold]:
        """Coldest entries of a namespace that are wanted, about `nbytes` of them.

        Parameters
        ----------
        pinned
            True for those that the user has pinned, False for the others.
        """
        picked: list[Cold] = []
        found = 0
        for cold in self._in_order(space, pinned=pinned):
            if not wanted(cold.entry):
                continue
            picked.append(cold)
            found += cold.entry.extent_nbytes
            if found >= nbytes or len(picked) >= most:
                break
        return picked

    def _in_order(self, space: Namespace, *, pinned: bool) -> Iterator[Cold]:
        leased = self._parts.clients.pinned_offsets()
        slots = self._ordered_slots(space, USED | HELD if pinned else USED)
        for start in range(0, slots.size, _LOOKED_AT):
            some = slots[start : start + _LOOKED_AT].tolist()
            batch = self._parts.index.snapshot(
                lambda txn: self._look_up(txn, space, some)  # noqa: B023
            )
            yield from (
                one
                for one in batch
                if one.entry.pinned == pinned and one.entry.offset not in leased
            )

    def _ordered_slots(self, space: Namespace, flags: int) -> NDArray[np.int64]:
        records = self._parts.access.records()
        mine = (records["namespace"] == space.id) & (
            (records["flags"] & (USED | HELD | INLINE)) == flags
        )
        slots = np.flatnonzero(mine)
        scores = get_policy(space.policy).scores(records[slots])
        if scores.size > _MOST:
            slots = slots[np.argpartition(scores, _MOST)[:_MOST]]
            scores = get_policy(space.policy).scores(records[slots])
        return slots[np.argsort(scores, kind="stable")]

    def _look_up(
        self, txn: WriteTxn, space: Namespace, slots: Sequence[int]
    ) -> list[Cold]:
        books, found = self._parts.books, []
        for slot in slots:
            key = books.key_of(txn, slot)
            entry = books.find(txn, key) if key is not None else None
            if key is None or entry is None or entry.inline:
                continue
            if entry.slot == slot and key.startswith(space.prefix):
                found.append(Cold(space, key, entry))
        return found

    # -- making room -------------------------------------------------------

    def compress(self, nbytes: int) -> int:
        """Compress raw cold values until so many bytes are won; returns how many."""
        return self._compressor.shrink(nbytes)

    def take_out(
        self, colds: Sequence[Cold], reason: MissReason = MissReason.EVICTED
    ) -> list[Cold]:
        """Remove entries that are still those; returns the ones that were.

        One that was pinned, or is no more, since it was looked at stays: its copy
        elsewhere is not kept as the user wants it now.
        """
        gone: list[Cold] = []
        for start in range(0, len(colds), _AT_ONCE):
            some = colds[start : start + _AT_ONCE]
            gone += self._relief.index.transact(
                lambda txn: [
                    one
                    for one in some  # noqa: B023
                    if self._take_one(txn, one, reason)
                ]
            )
        self._relief.leftovers.free_all()
        return gone

    def _take_one(self, txn: WriteTxn, cold: Cold, reason: MissReason) -> bool:
        parts, key = self._parts, cold.key
        entry = parts.books.find(txn, key)
        if entry is None or entry.generation != cold.entry.generation:
            return False
        if entry.pinned != cold.entry.pinned:
            return False
        with parts.books.charge(txn, cold.space.id) as account:
            parts.books.remove(txn, key, entry, account)
        parts.retirement.retire(txn, key, entry)
        txn.after.append(lambda: parts.note_gone(key, reason))
        return True

    def uses(self, entry: Entry) -> int:
        """How often an entry was used, its put counted as one; aged."""
        return self._parts.access.frequency(entry.slot)

    def renew(self, entry: Entry) -> None:
        """Count an entry as put just now."""
        access = self._parts.access
        access.touch(entry.slot, entry.generation)
        if entry.slot < access.slots:
            access.records()["frequency"][entry.slot] = 1
