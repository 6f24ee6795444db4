"""Relief: room in the arena for a put, by freeing, growing or evicting.

Composes who gives room: free ranges, leftovers, evictions, the index's care.
Which entries go is the evictor's plan; how a window is cleared is `claims`.
"""

import sys

from gridcache.errors import OutOfSpaceError
from gridcache.store.claims import CannotMoveError, ChangedError, Reservation
from gridcache.store.evictions import Evictions
from gridcache.store.evictor import Terms
from gridcache.store.index import IndexFullError
from gridcache.store.index_care import IndexCare
from gridcache.store.leftovers import Leftovers
from gridcache.store.parts import Parts
from gridcache.store.refusals import out_of_space
from gridcache.store.retirement import UnsettledError
from gridcache.store.room import Room
from gridcache.store.transaction import WriteTxn
from gridcache.store.window import Piece

__all__ = ["TRIES", "NoRoomError", "Relief"]

TRIES = 1000
"""Rounds before giving up; each but the last made some progress."""
_ATTEMPTS = (
    (0.1, 0.125, False),
    (0.3, 0.125, False),
    (0.6, 0.125, False),
    (1.0, 0.0, True),
    (1.0, 1.0, True),
)
"""How cold entries must be, what share of a window may be moved, and whether
all namespaces give or only the one most over its share: what costs least first."""
_PATIENCE = 4
"""Times that scattered entries are evicted to let others move."""
_RETIRED_MAX = 32
"""Extents that may wait before a put frees them."""


class NoRoomError(Exception):
    """Private to the store: the arena has no range long enough."""


class Relief:
    """Room in one store, for one process's puts."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self.leftovers = Leftovers(parts)
        self.evictions = Evictions(parts, self.leftovers)
        self.room = Room(parts, self.leftovers.reap, self.evictions.evict_bytes)
        self.index = IndexCare(parts, self.room, self.evictions, self.leftovers)
        self.crowded = False
        """A hint: the last allocation found no room, so do not hope."""

    # -- the arena ---------------------------------------------------------

    def allocate(self, txn: WriteTxn, nbytes: int, limit: int = sys.maxsize) -> int:
        """Allocate in this transaction; raises `NoRoomError`."""
        if txn.state.retired > _RETIRED_MAX:
            self.leftovers.free(txn)
        offset = self.room.allocate(txn, nbytes, limit)
        if offset is None:
            self.crowded = True
            raise NoRoomError
        return offset

    def reserve(self, nbytes: int, limit: int = sys.maxsize) -> Reservation:
        """A range of the arena, by eviction if need be.

        Parameters
        ----------
        limit
            An offset that the range must not pass.

        Raises
        ------
        OutOfSpaceError
            Pins, leases or other writers hold everything.
        """
        patience, trouble, seen = _PATIENCE, None, -1
        for _ in range(TRIES):
            try:
                found, progress = self._try_reserve(nbytes, limit)
                if found is not None:
                    return found
                if not progress and not self.leftovers.reap():
                    puts = self._parts.index.state().generation
                    patience -= puts == seen  # else others were faster, once more
                    seen = puts
                    if not patience or not self._loosen(nbytes):
                        break
            except IndexFullError:
                trouble = trouble or self.index.trouble()
                self.index.relieve(trouble)
        raise self.out_of_space(nbytes)

    def _loosen(self, nbytes: int) -> bool:
        """Evict scattered entries, so that what must stay can be moved.

        Not where all that may go would not be enough: then pins or leases are
        what stands in the way, and nothing is lost in vain.
        """
        pinned = self._parts.clients.pinned_offsets()
        if self.evictions.evictable_nbytes(pinned) < nbytes:
            return False
        return self.evictions.evict_bytes(nbytes) > 0

    def reserve_free(self, nbytes: int, limit: int = sys.maxsize) -> Reservation | None:
        """A range of the arena below `limit` if one is free; never evicts."""
        return self.index.transact(lambda txn: self._reserve_free(txn, nbytes, limit))

    def _reserve_free(
        self, txn: WriteTxn, nbytes: int, limit: int = sys.maxsize
    ) -> Reservation | None:
        self.leftovers.free(txn)
        offset = self.room.allocate(txn, nbytes, limit)
        if offset is None:
            return None
        txn.after.append(self._parts.access.note_reuse)
        return self._parts.claims.simple(txn, offset, nbytes)

    def _try_reserve(self, nbytes: int, limit: int) -> tuple[Reservation | None, bool]:
        """One round: the reservation, and whether anything was cleared for it."""
        try:
            found, cleared = self._parts.index.transact(
                lambda txn: self._reserve_simply(txn, nbytes, limit)
            )
        except UnsettledError:
            self._parts.retirement.settle()
            return None, True
        self.crowded = found is None
        if cleared is not None:
            return self._parts.claims.confirm([cleared], nbytes), True
        return (found, True) if found else self._clear_window(nbytes, limit)

    def _reserve_simply(
        self, txn: WriteTxn, nbytes: int, limit: int
    ) -> tuple[Reservation | None, Piece | None]:
        """Reserve a free range, or clear the coldest entry if that is enough."""
        free = self._reserve_free(txn, nbytes, limit)
        if free is not None:
            return free, None
        coldest = self._parts.evictor.coldest(txn, nbytes, limit)
        if coldest is None:
            return None, None
        return None, self._parts.claims.clear_one(txn, *coldest, nbytes, "space")

    def _clear_window(self, nbytes: int, limit: int) -> tuple[Reservation | None, bool]:
        """Evict a window, as cold and with as few moves as can be.

        Also says if a plan failed because others were faster: worth another try.
        """
        parts, changed = self._parts, False
        pinned = parts.clients.pinned_offsets()
        spaces = parts.index.snapshot(parts.evictor.victims)
        unused = self.room.unused()
        for cold, move_share, everybody in _ATTEMPTS:
            terms = Terms(nbytes, cold, move_share, pinned, unused, limit)
            givers = spaces if everybody else spaces[:1]
            for start in range(len(givers)):
                order = givers[start:] + givers[:start]
                window = parts.evictor.find_window(parts.index, order, terms)
                if window is None:
                    continue
                try:
                    return parts.claims.window(window, nbytes, "space"), False
                except ChangedError:
                    changed = True
                except CannotMoveError:
                    continue
        return None, changed

    def out_of_space(self, nbytes: int) -> OutOfSpaceError:
        """What to raise when nothing helped."""
        return self.room.shortage or out_of_space(self._parts, nbytes)
