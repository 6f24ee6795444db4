"""Retirement: when the bytes of a removed entry may be destroyed, and freed.

In memory: when nobody looks at them. On disk an extent's head must be voided,
too, or a rebuild of the index brings the entry back. Without `durable` that
happens right after the commit.

A durable store must be whole after a power loss, and until a sync the disk may
take writes in any order. So two things wait:

- The value that a put replaces stays until the new one is synced: else both may
  be lost, and the old one had been acknowledged.
- The last value of a key is not voided before its older ones are, for certain:
  else an old one comes back. They wait only in the two syncs after an overwrite.

A waiting extent goes `waiting`, sync, `voided`, sync, free. The steps are taken
by whoever leads a sync that somebody waits for anyway (`GroupCommit`).
"""

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from struct import Struct
from typing import NamedTuple, TypeVar

import xxhash

from gridcache.store.allocator import free, offset_key
from gridcache.store.arena import Arena
from gridcache.store.clients import Clients
from gridcache.store.disk import VOID
from gridcache.store.durability import GroupCommit, sync_store
from gridcache.store.entries import FREE_MOST, Books
from gridcache.store.index import Index, IndexFullError
from gridcache.store.layout import Superblock
from gridcache.store.records import Entry
from gridcache.store.transaction import WriteTxn

__all__ = ["Retirement", "UnsettledError"]

T = TypeVar("T")

_ROW = Struct("<QQQB")
_PLAIN_NBYTES = 8
"""A row that waits for nothing but its readers has its length alone."""
_OFFSET = Struct("=Q")
_WAITING = 1
_VOIDED = 2
_REMOVED = 4
"""Deleted or evicted; not replaced."""
_ROUNDS = 4
"""Syncs that a removal takes at most: older value voided, then this one."""


class UnsettledError(Exception):
    """Private to the store: `settle` first, then the extent may be destroyed."""


class _Row(NamedTuple):
    """One retired extent."""

    offset: int
    nbytes: int
    ticket: int = 0
    """Orders the rows of one key."""
    fingerprint: int = 0
    """Of the key. Equal ones of two keys only wait for each other."""
    marks: int = 0

    @property
    def removed(self) -> bool:
        """True if an acknowledgment waits for it."""
        return self.marks & (_WAITING | _REMOVED) == _WAITING | _REMOVED


class Retirement:
    """The retired extents of one store, as one process handles them."""

    def __init__(
        self,
        directory: Path,
        block: Superblock,
        index: Index,
        books: Books,
        arena: Arena,
        clients: Clients,
    ) -> None:
        self._index = index
        self._books = books
        self._arena = arena
        self._clients = clients
        self._on_disk = block.on_disk
        self._durable = block.durable
        self._sync_store: Callable[[], None] = lambda: sync_store(directory)
        self.commits = GroupCommit(self._sync)

    # -- retiring ----------------------------------------------------------

    def retire(
        self, txn: WriteTxn, key: bytes, entry: Entry, *, superseded: bool = False
    ) -> None:
        """Unlink the extent of an entry that left the tables.

        Parameters
        ----------
        superseded
            True if this transaction gives the key another value.
        """
        if entry.inline:
            return
        if not self._durable or (not superseded and self.may_destroy(txn, key)):
            self.retire_range(txn, entry.offset, entry.extent_nbytes)
            return
        txn.state.generation += 1
        row = _Row(
            entry.offset,
            entry.extent_nbytes,
            txn.state.generation,
            xxhash.xxh3_64_intdigest(key),
            _WAITING if superseded else _WAITING | _REMOVED,
        )
        txn.state.retired += 1
        self._put(txn, row)

    def retire_range(self, txn: WriteTxn, offset: int, nbytes: int) -> None:
        """Unlink a range that waits for its readers alone."""
        if self._on_disk:
            self.void_after(txn, offset)
        self._books.retire(txn, offset, nbytes)

    def void_after(self, txn: WriteTxn, offset: int) -> None:
        """On disk, void the head at an offset once the transaction is committed."""
        if self._on_disk:
            txn.after.append(lambda: self._void(offset))

    def may_destroy(self, txn: WriteTxn, key: bytes) -> bool:
        """True if no older value of a key could come back instead of this one."""
        if not self._durable or not txn.state.retired:
            return True
        fingerprint = xxhash.xxh3_64_intdigest(key)
        return not any(
            row.marks & _WAITING and row.fingerprint == fingerprint
            for row in _rows(txn)
        )

    def secure_copy(self) -> None:
        """See that bytes just copied outlive their source, which goes next."""
        if self._durable:
            self._arena.sync()

    def free(self, txn: WriteTxn) -> int:
        """Free some of what nobody looks at and nothing waits for.

        At most `FREE_MOST` extents; returns the bytes.
        """
        if not txn.state.retired:
            return 0
        # Read inside the transaction, so after the commits that retired these.
        pinned, freed = self._clients.pinned_offsets(), 0
        if not self._on_disk:
            return self._books.free_retired(txn, pinned)
        ready = (
            row
            for row in _rows(txn)
            if not row.marks & _WAITING and row.offset not in pinned
        )
        for row in list(islice(ready, FREE_MOST)):  # before the table changes
            self._void(row.offset)  # who retired it may have died before
            txn.txn.delete(offset_key(row.offset), db=txn.tables.retired)
            txn.state.retired -= 1
            free(txn, row.offset, row.nbytes)
            freed += row.nbytes
        return freed

    def _void(self, offset: int) -> None:
        self._arena.write_one(offset, VOID)

    @staticmethod
    def _put(txn: WriteTxn, row: _Row) -> None:
        value = _ROW.pack(*row[1:])
        txn.put(offset_key(row.offset), value, db=txn.tables.retired)

    # -- syncs -------------------------------------------------------------

    def settle(self) -> None:
        """Let waiting extents go, by syncs if any waits."""
        for _ in range(_ROUNDS):
            if not self._durable or not self._index.snapshot(_any_waits):
                return
            self.commits.sync_now()

    def _sync(self) -> None:
        """One shared sync; more if a removal needs them."""
        for _ in range(_ROUNDS):
            listed = self._try(self._before) or []
            self._sync_store()
            if not listed:
                return
            self._try(lambda txn, listed=listed: self._after(txn, listed))  # type: ignore[misc]
            last = listed[-1].ticket
            if not self._index.snapshot(lambda txn, last=last: _removed(txn, last)):  # type: ignore[misc]
                return
        raise self._index.full_error()

    def _try(self, work: Callable[[WriteTxn], T]) -> T | None:
        """Take steps if any extent is retired and the index has a page for it."""
        if not self._index.state().retired:
            return None
        try:
            return self._index.transact(work)
        except IndexFullError:
            return None

    def _before(self, txn: WriteTxn) -> list[_Row]:
        """Void what may be voided; returns the waiting rows, oldest first."""
        listed: list[_Row] = []
        met: set[int] = set()
        waiting = (row for row in _rows(txn) if row.marks & _WAITING)
        for row in sorted(waiting, key=lambda row: row.ticket):
            first = row.fingerprint not in met
            met.add(row.fingerprint)
            ready = first and row.removed and not row.marks & _VOIDED
            listed.append(self._mark_voided(txn, row) if ready else row)
        return listed

    def _after(self, txn: WriteTxn, listed: list[_Row]) -> None:
        """What waited for the sync that has ended takes its next step."""
        now = {row.offset: row for row in _rows(txn)}
        for row in listed:
            if now.get(row.offset) != row:
                continue  # another process has led a sync meanwhile
            if row.marks & _VOIDED:
                plain = row.nbytes.to_bytes(_PLAIN_NBYTES, "little")
                txn.put(offset_key(row.offset), plain, db=txn.tables.retired)
            elif not row.removed:
                self._mark_voided(txn, row)

    def _mark_voided(self, txn: WriteTxn, row: _Row) -> _Row:
        self._void(row.offset)
        row = row._replace(marks=row.marks | _VOIDED)
        self._put(txn, row)
        return row


def _rows(txn: WriteTxn) -> Iterator[_Row]:
    with txn.txn.cursor(txn.tables.retired) as cursor:
        for key, value in cursor:
            (offset,) = _OFFSET.unpack(key)
            if len(value) == _PLAIN_NBYTES:
                yield _Row(offset, int.from_bytes(value, "little"))
            else:
                yield _Row(offset, *_ROW.unpack(value))


def _any_waits(txn: WriteTxn) -> bool:
    return any(row.marks & _WAITING for row in _rows(txn))


def _removed(txn: WriteTxn, last: int) -> bool:
    """True if a removal up to a ticket still waits."""
    return any(row.removed and row.ticket <= last for row in _rows(txn))
