"""Evictor: which entries must go when there is no room. It plans, it changes nothing.

Covers choosing the namespaces that must give, the order of their entries, and a
window around the coldest. For equal sizes the coldest entry is the window, so
the order is exact. With mixed sizes the window grows around the coldest entries
over free and cold neighbours; small others in between are moved away. Carrying
a plan out is `claims`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import numpy as np
from numpy.typing import NDArray

from gridcache.store.access import HELD, INLINE, USED, AccessTable
from gridcache.store.allocator import free_ranges
from gridcache.store.entries import Books
from gridcache.store.eviction import get_policy
from gridcache.store.eviction.queue import Candidate, VictimQueue
from gridcache.store.index import Index, WriteTxn
from gridcache.store.namespaces import Account, Namespace, all_namespaces, load_account
from gridcache.store.window import FREE, UNUSED, Piece, cheapest_run

__all__ = ["Evictor", "Terms"]

_TRIES = 24
"""Cold entries looked at before the notion of cold is widened."""
_NEIGHBOURS = 8192
"""Extents looked at around one cold entry."""
_MOVE_COST = 8.0
"""Moving a byte counts like evicting so many of the warmest."""


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
        excess = _excess(spaces, accounts, txn.state.capacity_nbytes)
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

    def coldest(self, txn: WriteTxn, nbytes: int) -> Piece | None:
        """The coldest entry of whoever must give, if it alone is long enough.

        The common case of equal sizes, cheap enough for the transaction that
        clears it.
        """
        for space in self.victims(txn)[:1]:
            queue = self.arena_queue(space)
            while (candidate := queue.pop()) is not None:
                piece = self._piece_of(txn, candidate)
                if piece is not None and piece.nbytes >= nbytes:
                    return piece
                if piece is not None:
                    queue.put_back(candidate)
                    return None
        return None

    def _piece_of(self, txn: WriteTxn, candidate: Candidate) -> Piece | None:
        key = self._books.key_of(txn, candidate.slot)
        entry = self._books.find(txn, key) if key is not None else None
        if entry is None or entry.inline or entry.slot != candidate.slot:
            return None
        return Piece(entry.offset, entry.extent_nbytes, entry.slot)

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
        try:
            for _ in range(_TRIES):
                candidate = queue.pop(rescan=not passed)
                if candidate is None:
                    return None
                passed.append(candidate)
                window = index.snapshot(
                    lambda txn, seed=candidate: self._around(txn, seed, spaces, terms)  # type: ignore[misc]
                )
                if window is not None:
                    return window
        finally:
            for candidate in reversed(passed):
                queue.put_back(candidate)
        return None

    def _around(
        self, txn: WriteTxn, seed: Candidate, spaces: list[Namespace], terms: Terms
    ) -> list[Piece] | None:
        own = self._piece_of(txn, seed)
        if own is None or own.offset in terms.pinned:
            return None
        pieces = list(self._surroundings(txn, own, terms))
        heat = self._heat(np.array([piece.slot for piece in pieces]), spaces)
        pieces, costs = _weigh(pieces, heat.tolist(), terms)
        run = cheapest_run(
            pieces,
            costs,
            terms.nbytes,
            around=own.offset,
            moved_max=int(terms.nbytes * terms.move_share),
        )
        return None if run is None else _trim(run, terms.nbytes)

    def _heat(
        self, slots: NDArray[np.int64], spaces: list[Namespace]
    ) -> NDArray[np.float64]:
        """Of each slot within its namespace; infinite if that does not give."""
        heat = np.full(slots.size, inf)
        heat[slots < 0] = 0.0
        live = np.flatnonzero(slots >= 0)
        for space in spaces:
            found = self.arena_queue(space).heat(slots[live])
            heat[live] = np.minimum(heat[live], found)
        return heat

    def _surroundings(
        self, txn: WriteTxn, seed: Piece, terms: Terms
    ) -> Iterator[Piece]:
        """What lies near enough to share a window with the seed, by offset."""
        start = max(seed.offset - terms.nbytes, 0)
        end = seed.end + terms.nbytes
        found: list[Piece] = []
        for extent in self._books.extents(txn, self._books.extent_before(txn, start)):
            if extent.offset >= end or len(found) >= _NEIGHBOURS:
                break
            found.append(Piece(extent.offset, extent.nbytes, extent.slot))
        first = min(found[0].offset, start) if found else start
        for offset, nbytes in free_ranges(txn, first):
            if offset >= end:
                break
            found.append(Piece(offset, nbytes, FREE))
        if terms.unused is not None and terms.unused[0] < end:
            found.append(Piece(*terms.unused, UNUSED))
        yield from sorted(found, key=lambda piece: piece.offset)


def _excess(
    spaces: list[Namespace], accounts: list[Account], capacity_nbytes: int
) -> list[int]:
    """Bytes of each namespace over its share: its quota, else an equal part."""
    promised = sum(space.quota_nbytes or 0 for space in spaces)
    open_ended = sum(space.quota_nbytes is None for space in spaces)
    equal = max(capacity_nbytes - promised, 0) // max(open_ended, 1)
    return [
        account.stored_nbytes
        - (equal if space.quota_nbytes is None else space.quota_nbytes)
        for space, account in zip(spaces, accounts, strict=True)
    ]


def _weigh(
    pieces: list[Piece], heat: list[float], terms: Terms
) -> tuple[list[Piece], list[float]]:
    """What each piece costs; those that can only be moved are marked so."""
    weighed: list[Piece] = []
    costs: list[float] = []
    movable = terms.nbytes * terms.move_share
    for piece, warmth in zip(pieces, heat, strict=True):
        if piece.offset in terms.pinned and piece.slot >= 0:
            weighed.append(piece)
            costs.append(inf)
        elif warmth <= terms.cold:
            weighed.append(piece)
            costs.append(warmth * piece.nbytes)
        elif piece.nbytes <= movable:
            weighed.append(replace(piece, move=True))
            costs.append(_MOVE_COST * piece.nbytes)
        else:
            weighed.append(piece)
            costs.append(inf)
    return weighed, costs


def _trim(run: list[Piece], nbytes: int) -> list[Piece]:
    """Take no more above the top than is needed."""
    last = run[-1]
    if last.slot == UNUSED:
        needed = nbytes - (last.offset - run[0].offset)
        run = [*run[:-1], replace(last, nbytes=max(needed, 0))]
    return [piece for piece in run if piece.nbytes]
