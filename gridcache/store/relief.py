"""Relief: room for a put, by freeing, growing or evicting, in that order.

Covers reservations of the arena, quotas, the index's fill and the access
table's length, and what dead clients left. Which entries go is the evictor's
plan; how a window is cleared is `claims`.
"""

import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from gridcache.errors import OutOfSpaceError
from gridcache.store.access import AccessTable
from gridcache.store.claims import CannotMoveError, ChangedError, Reservation
from gridcache.store.eviction import get_policy
from gridcache.store.eviction.queue import Candidate
from gridcache.store.evictor import Terms
from gridcache.store.index import IndexFullError, WriteTxn
from gridcache.store.namespaces import Account, Namespace, all_namespaces, load_account
from gridcache.store.outcome import MissReason
from gridcache.store.parts import Parts
from gridcache.store.retirement import UnsettledError
from gridcache.store.room import Room
from gridcache.store.window import Piece

__all__ = ["NoRoomError", "Relief"]

T = TypeVar("T")

TRIES = 1000
"""Rounds before giving up; each but the last made some progress."""
_EVICT_MOST = 8
"""Entries evicted per transaction: each dirties a handful of index pages, which
cannot be used again before the next."""
_INDEX_BATCH = 32
_ATTEMPTS = (
    (0.25, 0.125, False),
    (0.5, 0.125, False),
    (0.8, 0.125, False),
    (1.0, 0.0, True),
    (1.0, 1.0, True),
)
"""How cold entries must be, what share of a window may be moved, and whether
only the namespace most over its share gives: what costs least first."""
_PAUSE_S = 0.002
_SLACK = 0.95
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
        self._patience_s = parts.index.gate.timeout_s
        self._room = Room(parts, self.reap, self.evict_bytes)
        self.resize = self._room.resize
        self.largest_value_nbytes = self._room.largest_value_nbytes
        self.keep_bound = self._room.keep_bound
        self.unused = self._room.unused
        self.crowded = False
        """A hint: the last allocation found no room, so do not hope."""
        self.index_is_full = False
        """At its share: small values go to the arena."""
        self.index_is_exhausted = False
        """Only the reserve is left, for deletes: every put looks again."""
        self._full_at = 0
        """Entries when that was said last."""
        self._rows = 0

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """A write transaction; room in the index is made if there is none.

        Raises
        ------
        OutOfSpaceError, StoreStalledError
            There is still none; nothing was changed.
        """
        try:
            return self._parts.index.transact(work)
        except IndexFullError:
            self.index_is_full = not self._grow_index()
            if self.index_is_full:
                self._evict_for_index()
        try:
            return self._parts.index.transact(work)
        except IndexFullError:
            raise self._parts.index.full_error() from None

    # -- the arena ---------------------------------------------------------

    def allocate(self, txn: WriteTxn, nbytes: int) -> int:
        """Allocate in this transaction; raises `NoRoomError`."""
        if txn.state.retired > _RETIRED_MAX:
            self.free_retired(txn)
        offset = self._room.allocate(txn, nbytes)
        if offset is None:
            self.crowded = True
            raise NoRoomError
        return offset

    def reserve(self, nbytes: int) -> Reservation:
        """A range of the arena, by eviction if need be.

        Raises
        ------
        OutOfSpaceError
            Pins, leases or other writers hold everything.
        """
        patience = _PATIENCE
        for _ in range(TRIES):
            try:
                found, progress = self._try_reserve(nbytes)
                if found is not None:
                    return found
                if not progress and not self.reap():
                    patience -= 1
                    if not patience or not self.evict_bytes(nbytes):
                        break
            except IndexFullError:
                self.relieve_index()
        raise self.out_of_space(nbytes)

    def reserve_free(self, nbytes: int) -> Reservation | None:
        """A range of the arena if there is a free one; never evicts."""

        def work(txn: WriteTxn) -> Reservation | None:
            self.free_retired(txn)
            offset = self._room.allocate(txn, nbytes)
            if offset is None:
                return None
            txn.after.append(self._parts.access.note_reuse)
            return self._parts.claims.simple(txn, offset, nbytes)

        return self.transact(work)

    def _try_reserve(self, nbytes: int) -> tuple[Reservation | None, bool]:
        """One round: the reservation, and whether anything was cleared for it."""
        try:
            found, cleared = self._parts.index.transact(
                lambda txn: self._reserve_simply(txn, nbytes)
            )
        except UnsettledError:
            self._parts.retirement.settle()
            return None, True
        self.crowded = found is None
        if cleared is not None:
            return self._parts.claims.confirm([cleared], nbytes), True
        return found or self._clear_window(nbytes), False

    def _reserve_simply(
        self, txn: WriteTxn, nbytes: int
    ) -> tuple[Reservation | None, Piece | None]:
        """Reserve a free range, or clear the coldest entry if that is enough."""
        self.free_retired(txn)
        offset = self._room.allocate(txn, nbytes)
        if offset is not None:
            txn.after.append(self._parts.access.note_reuse)
            return self._parts.claims.simple(txn, offset, nbytes), None
        piece = self._parts.evictor.coldest(txn, nbytes)
        if piece is not None:
            self._parts.claims.clear(txn, [piece], nbytes, "space")
        return None, piece

    def _clear_window(self, nbytes: int) -> Reservation | None:
        """Evict a window, as cold and with as few moves as can be."""
        parts = self._parts
        pinned = parts.clients.pinned_offsets()
        spaces = parts.index.snapshot(parts.evictor.victims)
        unused = self._room.unused()
        for cold, move_share, everybody in _ATTEMPTS:
            terms = Terms(nbytes, cold, move_share, pinned, unused)
            givers = spaces if everybody else spaces[:1]
            for start in range(len(givers)):
                order = givers[start:] + givers[:start]
                window = parts.evictor.find_window(parts.index, order, terms)
                with suppress(ChangedError, CannotMoveError):
                    if window is not None:
                        return parts.claims.window(window, nbytes, "space")
        return None

    def evict_bytes(self, nbytes: int) -> int:
        """Evict that much, scattered, of whoever is most over its share.

        For what must stay and is in the way: it finds other places then.
        """
        done = 0
        while done < nbytes:
            for space in self._parts.index.snapshot(self._parts.evictor.victims):
                freed = self.evict(space, nbytes - done, nbytes, "space")
                done += freed
                if freed:
                    break
            else:
                break
        self.free_all_retired()
        return done

    # -- what is left over -------------------------------------------------

    def free_retired(self, txn: WriteTxn) -> int:
        """Free unlinked extents nobody looks at; their removal is committed."""
        if not txn.state.retired:
            return 0
        return self._parts.retirement.free(txn)

    def reap(self) -> int:
        """Take over what dead clients left; returns the bytes freed."""
        self._parts.index.transact(self._reap_rows)
        self._parts.retirement.settle()
        # What was retired just now may be freed only in a later transaction.
        return self.free_all_retired()

    def free_all_retired(self) -> int:
        """Free all that can be, a few per transaction; returns the bytes."""
        total = 0
        while freed := self._parts.index.transact(self.free_retired):
            total += freed
        return total

    def _reap_rows(self, txn: WriteTxn) -> None:
        for row, fd in self._parts.clients.dead_rows():
            self._parts.claims.reap(txn, row)
            txn.after.append(_clearing(self._parts, row, fd))

    # -- eviction ----------------------------------------------------------

    def evict(
        self,
        space: Namespace,
        nbytes: int,
        need: int,
        cause: str,
        *,
        most: int = _EVICT_MOST,
    ) -> int:
        """Evict some of the coldest entries of a namespace, up to `nbytes`.

        Returns the stored bytes; 0 if nothing may go. At most `most` entries.
        """
        if not get_policy(space.policy).evicts:
            return 0
        queue = self._parts.evictor.queue(space)

        def work(txn: WriteTxn) -> int:
            freed = 0
            for looked in range(most):
                # A later scan would find again what this transaction evicted.
                candidate = queue.pop(rescan=not looked) if freed < nbytes else None
                if candidate is None:
                    break
                freed += self._evict_slot(txn, candidate, need, cause)
            return freed

        return self._parts.index.transact(work)

    def _evict_slot(
        self, txn: WriteTxn, candidate: Candidate, need: int, cause: str
    ) -> int:
        parts, books = self._parts, self._parts.books
        key = books.key_of(txn, candidate.slot)
        entry = books.find(txn, key) if key is not None else None
        if key is None or entry is None or entry.pinned:
            # What an aborted put left: not to be met again.
            parts.access.release(candidate.slot, candidate.generation)
            return 0
        with books.charge(txn, int.from_bytes(key[:2], "big")) as account:
            books.remove(txn, key, entry, account)
        parts.retirement.retire(txn, key, entry)
        note = parts.note_gone
        txn.after.append(lambda: note(key, MissReason.EVICTED, need, cause))
        return max(entry.stored_nbytes, 1)

    def make_quota_room(self, space: Namespace, need: int, *, replaced: int) -> None:
        """Evict from a namespace that would exceed its quota.

        Parameters
        ----------
        need, replaced
            Stored bytes of the new value, and of the one it replaces.

        Raises
        ------
        OutOfSpaceError
            Pins or the policy hold the rest; says the sizes.
        """
        while True:
            account = self._parts.index.snapshot(
                lambda txn: load_account(txn, space.id)
            )
            excess = account.stored_nbytes + need - replaced - (space.quota_nbytes or 0)
            if excess <= 0:
                return
            if not self.evict(space, excess, need, "quota"):
                raise _full_namespace(space, account, need)
            replaced = 0  # it may be among the evicted

    # -- index and access table --------------------------------------------

    def watch(self) -> None:
        """Keep the bound, and see to the index before it is full."""
        clients = self._parts.clients
        clients.refresh()
        if clients.rows != self._rows:
            self._rows = clients.rows
            self.keep_bound()
        if self._parts.index.near_full() and not self._has_slack():
            self.index_is_exhausted = True
            self.relieve_index()
        self.index_is_exhausted = False

    def _has_slack(self) -> bool:
        """True if entries were deleted since no page could be had.

        Their leaf pages are still there, with room for as many again.
        """
        return self._parts.index.entries() < self._full_at * _SLACK

    def prepare_index(self) -> None:
        """Let the index keep up with the arena."""
        while self._room.index_lags() and self._room.grow_index():
            self.index_is_full = False

    def relieve_index(self) -> None:
        """After a full index: grow, or evict; raises if neither can be."""
        deadline = time.monotonic() + self._patience_s
        while True:
            self.index_is_full = not self._grow_index()
            if not self.index_is_full or self._evict_for_index():
                return
            # Readers and writers of other processes hold pages for microseconds;
            # only who stands there for long is to blame.
            if time.monotonic() > deadline:
                self._full_at = self._parts.index.entries()
                raise self._parts.index.full_error()
            time.sleep(_PAUSE_S)
            self._parts.index.drop_dead_readers()
            if not self._parts.index.near_full():
                return

    def _grow_index(self) -> bool:
        try:
            return self._room.grow_index()
        except IndexFullError:
            return False

    def _evict_for_index(self) -> int:
        """Evict a few entries, one at a time if there is no page for more."""
        done = 0
        for space in self._parts.index.snapshot(self._parts.evictor.victims):
            for most in (_EVICT_MOST, 1, 1, 1):
                try:
                    while done < _INDEX_BATCH and self.evict(
                        space, sys.maxsize, 0, "index", most=most
                    ):
                        done += most
                    break
                except IndexFullError:
                    continue
        with suppress(IndexFullError):
            self._parts.index.transact(self.free_retired)
        return done

    def slots_used(self, txn: WriteTxn) -> bool:
        """True if a new entry would find no slot."""
        state = txn.state
        return not state.free_slots and state.next_slot >= self._parts.access.slots

    def grow_access(self) -> None:
        """Make the access table longer, at the arena's cost."""
        access = self._parts.access
        step = AccessTable.nbytes(AccessTable.STEP) - AccessTable.nbytes(0)
        if not self._room.make_budget(step):
            raise self.out_of_space(step)

        def grow(txn: WriteTxn) -> None:
            if txn.state.next_slot >= access.slots:
                access.grow(txn.state.next_slot + AccessTable.STEP)

        self._parts.index.transact(grow)

    # -- saying no ---------------------------------------------------------

    def out_of_space(self, nbytes: int) -> OutOfSpaceError:
        """What to raise when nothing helped."""
        if self._room.shortage is not None:
            return self._room.shortage
        capacity, pinned = self._parts.index.snapshot(_sizes)
        leased = sum(len(row.pins) for row in self._parts.clients.read())
        message = (
            f"no room for {nbytes} bytes: of {capacity} bytes {pinned} are pinned and "
            f"{leased} extents are being viewed; unpin or delete keys, drop views, or "
            f"resize the store"
        )
        return OutOfSpaceError(
            message, nbytes=nbytes, capacity=capacity, pinned=pinned, leased=leased
        )


def _clearing(parts: Parts, row: int, fd: int) -> Callable[[], None]:
    def clear() -> None:
        parts.clients.clear_pins(row)
        os.close(fd)

    return clear


def _sizes(txn: WriteTxn) -> tuple[int, int]:
    accounts = [load_account(txn, space.id) for space in all_namespaces(txn)]
    return txn.state.capacity_nbytes, sum(each.pinned_nbytes for each in accounts)


def _full_namespace(space: Namespace, account: Account, need: int) -> OutOfSpaceError:
    message = (
        f"namespace {space.name!r} is full: {account.stored_nbytes} of "
        f"{space.quota_nbytes} bytes, {account.pinned_nbytes} pinned, policy "
        f"{space.policy!r}; {need} more are wanted. Unpin or delete keys, or raise "
        f"the quota"
    )
    return OutOfSpaceError(
        message,
        namespace=space.name,
        stored=account.stored_nbytes,
        pinned=account.pinned_nbytes,
        quota=space.quota_nbytes,
    )
