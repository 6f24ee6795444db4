"""Evictions: the coldest entries go, where no window is needed.

For quotas, for pages of the index, and to loosen an arena where what must stay
is in the way. Whose turn it is, and in which order, is the evictor's plan.
"""

import numpy as np

from gridcache.codec.frames import ALIGNMENT
from gridcache.store.access import HELD, USED
from gridcache.store.eviction import get_policy
from gridcache.store.eviction.queue import Candidate
from gridcache.store.leftovers import Leftovers
from gridcache.store.namespaces import Namespace, load_account
from gridcache.store.outcome import MissReason
from gridcache.store.parts import Parts
from gridcache.store.refusals import full_namespace
from gridcache.store.transaction import WriteTxn

__all__ = ["EVICT_MOST", "Evictions"]

EVICT_MOST = 4
"""Entries evicted per transaction. Each dirties five or six pages of the index,
which LMDB can use again two transactions later: so many fit into the reserve."""


class Evictions:
    """Scattered evictions by one process."""

    def __init__(self, parts: Parts, leftovers: Leftovers) -> None:
        self._parts = parts
        self._leftovers = leftovers

    def evict(
        self,
        space: Namespace,
        nbytes: int,
        need: int,
        cause: str,
        *,
        most: int = EVICT_MOST,
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
        self._leftovers.free_all()
        return done

    def evictable_nbytes(self, pinned: set[int]) -> int:
        """Bytes that are free, or would be if everything that may go went."""

        def count(txn: WriteTxn) -> int:
            giving = {space.id for space in self._parts.evictor.victims(txn)}
            records = self._parts.access.records()
            mine = np.isin(records["namespace"], list(giving))
            mine &= (records["flags"] & (USED | HELD)) == USED
            total = int(records["units"][mine].sum(dtype=np.int64)) * ALIGNMENT
            return total + txn.state.free_nbytes - self._leased(txn, pinned)

        return self._parts.index.snapshot(count)

    def _leased(self, txn: WriteTxn, pinned: set[int]) -> int:
        extents = self._parts.books.extents(txn) if pinned else ()
        return sum(extent.nbytes for extent in extents if extent.offset in pinned)

    def make_quota_room(self, space: Namespace, key: bytes, need: int) -> None:
        """Evict from a namespace that would exceed its quota by a put.

        Parameters
        ----------
        key
            The entry key; what it has now will go.
        need
            Stored bytes of its new value.

        Raises
        ------
        OutOfSpaceError
            Pins or the policy hold the rest; says the sizes. Nothing was evicted
            if the pins alone leave no room.
        """
        quota = space.quota_nbytes or 0
        while True:
            account, old = self._parts.index.snapshot(
                lambda txn: (
                    load_account(txn, space.id),
                    self._parts.books.find(txn, key),
                )
            )
            replaced = old.stored_nbytes if old else 0
            excess = account.stored_nbytes + need - replaced - quota
            if excess <= 0:
                return
            staying = account.pinned_nbytes - (replaced if old and old.pinned else 0)
            hopeless = staying + need > quota
            if hopeless or not self.evict(space, excess, need, "quota"):
                raise full_namespace(space, account, need)
