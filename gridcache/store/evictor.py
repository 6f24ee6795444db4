"""Evictor: which entries must go when there is no room. It plans, it changes nothing.

Covers choosing the namespaces that must give, the order of their entries, and a
window around the coldest. For equal sizes the coldest entry is the window, so
the order is exact. With mixed sizes the window grows around the coldest entries
over free and cold neighbours; small others in between are moved away. Carrying
a plan out is `claims`.
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from math import inf

import numpy as np
from numpy.typing import NDArray

from gridcache.store.access import HELD, INLINE, USED, AccessTable
from gridcache.store.allocator import free_before, free_ranges
from gridcache.store.block_records import blocks_nbytes
from gridcache.store.entries import Books
from gridcache.store.eviction import get_policy
from gridcache.store.eviction.queue import Candidate, VictimQueue
from gridcache.store.index import Index
from gridcache.store.namespaces import Account, Namespace, all_namespaces, load_account
from gridcache.store.records import Entry
from gridcache.store.transaction import WriteTxn
from gridcache.store.window import FREE, UNUSED, Piece, cheapest_run

__all__ = ["Evictor", "Terms"]

_TRIES = 8
"""Cold entries looked at before the notion of cold is widened."""
_ENOUGH = 3
"""Windows compared; the seeds come coldest first."""
_FIRST_STEP, _LARGEST_STEP = 4, 256
"""Neighbours weighed at a time."""
_EVICT_COST = 0.05
"""Of evicting the coldest entry; its heat is added."""
_MOVE_COST = 0.02


@dataclass(frozen=True, slots=True)
class Terms:
    """What a window may contain."""

    nbytes: int
    """At least so long."""
    cold: float
    """Entries count as cold whose heat is at most this, 0 to 1."""
    move_share: float
    """Of the length, what may be moved."""
    pinned: frozenset[int] | set[int]
    """Offsets of leased extents: never in a window."""
    unused: tuple[int, int] | None = None
    """(offset, nbytes) above the top that the arena could still take."""
    limit: int = sys.maxsize
    """An offset that the window must not pass."""


class Evictor:
    """Plans of one process; the queues are its memory of the last scan."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._access: AccessTable = books.access
        self._queues: dict[tuple[int, str, int], VictimQueue] = {}

    # -- whose turn --------------------------------------------------------

    def victims(self, txn: WriteTxn) -> list[Namespace]:
        """Namespaces that may give, the one most over its share first."""
        spaces = list(all_namespaces(txn))
        if len(spaces) == 1:  # spares the accounts, at every eviction
            return spaces if get_policy(spaces[0].policy).evicts else []
        accounts = [load_account(txn, space.id) for space in spaces]
        excess = _excess(spaces, accounts, txn.state.arena_nbytes - blocks_nbytes(txn))
        order = sorted(range(len(spaces)), key=excess.__getitem__, reverse=True)
        return [
            spaces[number]
            for number in order
            if accounts[number].entries and get_policy(spaces[number].policy).evicts
        ]

    def queue(
        self, space: Namespace, *, require: int = USED, refuse: int = HELD
    ) -> VictimQueue:
        """The order of a namespace's entries with certain flags."""
        key = (space.id, space.policy, require << 16 | refuse)
        queue = self._queues.get(key)
        if queue is None:
            policy = get_policy(space.policy)
            queue = self._queues[key] = VictimQueue(
                self._access, policy, space.id, require=require, refuse=refuse
            )
        return queue

    def arena_queue(self, space: Namespace) -> VictimQueue:
        """The order of entries that have an extent."""
        return self.queue(space, refuse=HELD | INLINE)

    def coldest(
        self, txn: WriteTxn, nbytes: int, limit: int = sys.maxsize
    ) -> tuple[bytes, Entry] | None:
        """The coldest entry of whoever must give, if it alone is long enough.

        The common case of equal sizes, cheap enough for the transaction that
        clears it.
        """
        for space in self.victims(txn)[:1]:
            queue = self.arena_queue(space)
            while (candidate := queue.pop()) is not None:
                found = self._live(txn, candidate)
                if found is not None and found[1].pinned:
                    continue  # since the scan
                if found is not None and _holds(found[1], nbytes, limit):
                    return found
                if found is not None:
                    queue.put_back(candidate)
                    return None
                # What an aborted put left: not to be met again.
                self._access.release(candidate.slot, candidate.generation)
        return None

    def _live(self, txn: WriteTxn, candidate: Candidate) -> tuple[bytes, Entry] | None:
        """Entry key and entry of a candidate that has an extent."""
        key = self._books.key_of(txn, candidate.slot)
        entry = self._books.find(txn, key) if key is not None else None
        if key is None or entry is None or entry.inline:
            return None
        return (key, entry) if entry.slot == candidate.slot else None

    def _piece_of(self, txn: WriteTxn, candidate: Candidate) -> Piece | None:
        found = self._live(txn, candidate)
        if found is None:
            return None
        return Piece(found[1].offset, found[1].extent_nbytes, found[1].slot)

    # -- windows -----------------------------------------------------------

    def find_window(
        self, index: Index, spaces: list[Namespace], terms: Terms
    ) -> list[Piece] | None:
        """Neighbouring pieces around the coldest entry that has them.

        Parameters
        ----------
        spaces
            Those whose entries may be evicted; the first must give.

        Returns
        -------
        list[Piece] | None
            By offset. Looked at only: whoever executes it checks that it holds.
        """
        if not spaces:
            return None
        queue, passed = self.arena_queue(spaces[0]), list[Candidate]()
        best: tuple[float, list[Piece]] | None = None
        found = 0
        while found < _ENOUGH and len(passed) < _TRIES:
            candidate = queue.pop(rescan=not passed)
            if candidate is None:
                break
            passed.append(candidate)
            window = index.snapshot(
                lambda txn, seed=candidate: self._around(txn, seed, spaces, terms)  # type: ignore[misc]
            )
            if window is not None:
                found += 1
                best = window if best is None or window[0] < best[0] else best
        for candidate in reversed(passed):
            queue.put_back(candidate)
        return None if best is None else best[1]

    def _around(
        self, txn: WriteTxn, seed: Candidate, spaces: list[Namespace], terms: Terms
    ) -> tuple[float, list[Piece]] | None:
        """The cheapest window around an entry, with its cost."""
        own = self._piece_of(txn, seed)
        if own is None or own.offset in terms.pinned or own.end > terms.limit:
            return None
        after = self._walk(self._following(txn, own.end, terms), own, spaces, terms)
        before = self._walk(self._preceding(txn, own.offset), own, spaces, terms)
        known = [*reversed(before), (own, _EVICT_COST), *after]
        pieces = [piece for piece, _ in known]
        found = cheapest_run(
            pieces,
            [cost for _, cost in known],
            terms.nbytes,
            around=own.offset,
            moved_max=int(terms.nbytes * terms.move_share),
        )
        return None if found is None else (found[0], _trim(found[1], terms.nbytes))

    def _walk(
        self,
        neighbours: Iterator[Piece],
        seed: Piece,
        spaces: list[Namespace],
        terms: Terms,
    ) -> list[tuple[Piece, float]]:
        """Neighbours outwards from the seed, until one must stay or it is enough."""
        walked: list[tuple[Piece, float]] = []
        nbytes, step = seed.nbytes, _FIRST_STEP
        while chunk := list(islice(neighbours, step)):
            heat = self._heat(np.array([piece.slot for piece in chunk]), spaces)
            for piece, warmth in zip(chunk, heat.tolist(), strict=True):
                weighed, cost = _weigh(piece, warmth, terms)
                if cost == inf or nbytes >= terms.nbytes:
                    return walked
                walked.append((weighed, cost))
                nbytes += piece.nbytes
            step = min(step * 2, _LARGEST_STEP)
        return walked

    def _heat(
        self, slots: NDArray[np.int64], spaces: list[Namespace]
    ) -> NDArray[np.float64]:
        """Of each slot within its namespace; infinite if that does not give."""
        heat = np.full(slots.size, inf)
        heat[slots < 0] = 0.0
        live = np.flatnonzero(slots >= 0)
        if live.size:
            for space in spaces:
                found = self.arena_queue(space).heat(slots[live])
                heat[live] = np.minimum(heat[live], found)
        return heat

    def _following(self, txn: WriteTxn, offset: int, terms: Terms) -> Iterator[Piece]:
        """Touching ranges from `offset` on."""
        live, free = self._books.extents(txn, offset), free_ranges(txn, offset)
        extent, gap = next(live, None), next(free, None)
        while True:
            if extent is not None and extent.offset == offset:
                piece = Piece(offset, extent.nbytes, extent.slot)
                extent = next(live, None)
            elif gap is not None and gap[0] == offset:
                piece, gap = Piece(*gap, FREE), next(free, None)
            elif terms.unused is not None and terms.unused[0] == offset:
                piece = Piece(*terms.unused, UNUSED)
            else:
                return
            yield piece
            offset = piece.end

    def _preceding(self, txn: WriteTxn, offset: int) -> Iterator[Piece]:
        """Touching ranges that end at `offset`, backwards."""
        live, free = self._books.extents_before(txn, offset), free_before(txn, offset)
        extent, gap = next(live, None), next(free, None)
        while True:
            if extent is not None and extent.offset + extent.nbytes == offset:
                piece = Piece(extent.offset, extent.nbytes, extent.slot)
                extent = next(live, None)
            elif gap is not None and sum(gap) == offset:
                piece, gap = Piece(*gap, FREE), next(free, None)
            else:
                return
            yield piece
            offset = piece.offset


def _excess(
    spaces: list[Namespace], accounts: list[Account], arena_nbytes: int
) -> list[int]:
    """Bytes of each namespace over its share: its quota, else an equal part."""
    promised = sum(space.quota_nbytes or 0 for space in spaces)
    open_ended = sum(space.quota_nbytes is None for space in spaces)
    equal = max(arena_nbytes - promised, 0) // max(open_ended, 1)
    return [
        account.stored_nbytes
        - (equal if space.quota_nbytes is None else space.quota_nbytes)
        for space, account in zip(spaces, accounts, strict=True)
    ]


def _weigh(piece: Piece, warmth: float, terms: Terms) -> tuple[Piece, float]:
    """What clearing a piece costs, in entries that would have been used again.

    Moving costs little against evicting: it takes time but no hit.
    """
    if piece.end > terms.limit:
        return _cut(piece, terms.limit)
    if piece.slot < 0:
        return piece, 0.0
    if piece.offset in terms.pinned:
        return piece, inf
    if piece.nbytes <= terms.nbytes * terms.move_share:
        spare = warmth <= terms.cold
        cost = _MOVE_COST + (0.0 if spare else _MOVE_COST)
        return replace(piece, move=True, spare=spare), cost
    if warmth <= terms.cold:
        return piece, _EVICT_COST + warmth
    return piece, inf


def _cut(piece: Piece, limit: int) -> tuple[Piece, float]:
    """What is left of a piece before an offset: only above the top anything."""
    if piece.slot != UNUSED or piece.offset >= limit:
        return piece, inf
    return replace(piece, nbytes=limit - piece.offset), 0.0


def _holds(entry: Entry, nbytes: int, limit: int) -> bool:
    """True if the extent of an entry is long enough below an offset."""
    return entry.extent_nbytes >= nbytes and entry.offset + nbytes <= limit


def _trim(run: list[Piece], nbytes: int) -> list[Piece]:
    """Take no more above the top than is needed."""
    last = run[-1]
    if last.slot == UNUSED:
        needed = nbytes - (last.offset - run[0].offset)
        run = [*run[:-1], replace(last, nbytes=max(needed, 0))]
    return [piece for piece in run if piece.nbytes]
