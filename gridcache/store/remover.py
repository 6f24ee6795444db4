"""Remover: entries that users delete, that are due, or that are damaged.

Small batches, so that a delete works also when the index has hardly a page left.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from gridcache.errors import GridCacheError, OutOfSpaceError
from gridcache.store.outcome import MissReason
from gridcache.store.parts import Parts
from gridcache.store.records import TOMBSTONE, Entry
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["Guard", "Remover"]


Guard = Callable[[WriteTxn, bytes, Entry | None], bool]
"""Asked inside the transaction, before a key is removed; False leaves it alone."""


@dataclass(frozen=True, slots=True)
class _Sweep:
    """What one batch is to remove."""

    reason: MissReason
    now: float
    void: Callable[[WriteTxn, bytes], object]
    guard: Guard | None


class Remover:
    """Removals of one process.

    Parameters
    ----------
    void
        Called with each key that a user deletes: what is being computed for it
        must not be stored any more.
    """

    def __init__(
        self, parts: Parts, relief: Relief, void: Callable[[WriteTxn, bytes], object]
    ) -> None:
        self._parts = parts
        self._relief = relief
        self._void = void

    def remove(
        self,
        keys: list[tuple[bytes, bytes]],
        reason: MissReason,
        guard: Guard | None = None,
    ) -> int:
        """Remove entry keys (with their whole keys if long).

        With reason `expired` only those that are due. Returns how many were
        there: an entry that was due already counts as gone.
        """
        sweep = _Sweep(reason, time.time(), self._void, guard)
        try:
            return self._relief.index.transact(
                lambda txn: self._sweep(txn, keys, sweep)
            )
        except OutOfSpaceError:  # no index page for so many at once
            if len(keys) == 1:
                raise
            half = len(keys) // 2
            first = self.remove(keys[:half], reason, guard)
            return first + self.remove(keys[half:], reason, guard)

    def _sweep(
        self, txn: WriteTxn, keys: list[tuple[bytes, bytes]], sweep: _Sweep
    ) -> int:
        done = 0
        for key, long_key in keys:
            if sweep.reason is MissReason.DELETED:
                sweep.void(txn, key)
            entry = self._parts.books.find(txn, key)
            if sweep.guard is not None and not sweep.guard(txn, key, entry):
                continue
            if entry is not None and entry.long_key == long_key:
                done += self._remove_one(txn, key, entry, sweep)
        return done

    def _remove_one(
        self, txn: WriteTxn, key: bytes, entry: Entry, sweep: _Sweep
    ) -> int:
        late = 0.0 < entry.expires <= sweep.now
        if sweep.reason is MissReason.EXPIRED and not late:
            return 0
        reason = MissReason.EXPIRED if late else sweep.reason
        self._take_out(txn, key, entry, reason, "expired" if late else "")
        gone = late or bool(entry.stamp.flags & TOMBSTONE)
        return not (gone and sweep.reason is MissReason.DELETED)

    def _take_out(
        self, txn: WriteTxn, key: bytes, entry: Entry, reason: MissReason, cause: str
    ) -> None:
        books, note = self._parts.books, self._parts.note_gone
        with books.charge(txn, int.from_bytes(key[:2], "big")) as account:
            books.remove(txn, key, entry, account)
        self._parts.retirement.retire(txn, key, entry)
        txn.after.append(lambda: note(key, reason, 0, cause))

    def forget_corrupt(self, key: bytes, generation: int) -> None:
        """Remove a damaged entry, if it is still that one."""

        def work(txn: WriteTxn) -> None:
            entry = self._parts.books.find(txn, key)
            if entry is not None and entry.generation == generation:
                self._take_out(txn, key, entry, MissReason.CORRUPT, "")

        self._relief.index.transact(work)

    def forget_damaged(self, key: bytes, record: bytes) -> None:
        """Remove an entry that a get found damaged; the get does not fail by it."""

        def work(txn: WriteTxn) -> None:
            if txn.get(key, db=txn.tables.entries) == record:
                entry = self._parts.books.find(txn, key)
                if entry is not None:
                    self._take_out(txn, key, entry, MissReason.CORRUPT, "")

        with suppress(GridCacheError, OSError):
            self._relief.index.transact(work)
