"""Entries in a write transaction: insert, remove and move them, books balanced.

Every table that mentions an entry is changed here and nowhere else: records,
slots, extents, tags, expiries, accounts and access records.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from struct import Struct
from typing import Any

import xxhash

from gridcache.errors import CorruptFramesError
from gridcache.store.access import COMPRESSIBLE, HELD, INLINE, AccessTable
from gridcache.store.allocator import free, offset_key
from gridcache.store.disk import seal, unseal
from gridcache.store.namespaces import Account, load_account, save_account
from gridcache.store.records import Entry, pack_entry, unpack_entry
from gridcache.store.transaction import WriteTxn

__all__ = ["COMPRESS_MIN", "FREE_MOST", "Books", "Extent", "expiry_key", "tag_key"]

_SLOT = Struct("=I")
_EXTENT = Struct("<II")
_INSTANT = Struct(">d")
_UNIT = 64
_KEY_MAX, _KEY_HEAD = 500, 480
"""Bytes; LMDB keys end at 511."""
FREE_MOST = 4
"""Extents freed per transaction. Each dirties three or four pages of the index,
which LMDB can use again two transactions later: so many fit into the reserve."""
COMPRESS_MIN = 4096
"""Bytes; below, compression does not pay."""


@dataclass(frozen=True, slots=True)
class Extent:
    """A live extent as the table has it."""

    offset: int
    nbytes: int
    slot: int


class Books:
    """The bookkeeping of entries; stateless but for the access table.

    Parameters
    ----------
    sealed
        True on disk: records carry a CRC.
    """

    def __init__(self, access: AccessTable, *, sealed: bool = False) -> None:
        self.access = access
        self.sealed = sealed
        self.salvage: Callable[[WriteTxn, bytes], Entry] | None = None
        """On disk: finds the entry of a key whose record is damaged."""

    # -- reading -----------------------------------------------------------

    def find(self, txn: WriteTxn, key: bytes) -> Entry | None:
        """The entry of an entry key, also if its record on disk is damaged."""
        record = txn.get(key, db=txn.tables.entries)
        if record is None:
            return None
        try:
            return self.unpack(key, record)
        except CorruptFramesError:
            if self.salvage is None:
                raise
            return self.salvage(txn, key)

    def unpack(self, key: bytes, record: bytes) -> Entry:
        """An entry from what the table holds."""
        return unpack_entry(unseal(key, record) if self.sealed else record)

    def pack(self, key: bytes, entry: Entry) -> bytes:
        """What the table holds for an entry."""
        record = pack_entry(entry)
        return seal(key, record) if self.sealed else record

    def key_of(self, txn: WriteTxn, slot: int) -> bytes | None:
        """The entry key that has a slot."""
        key: bytes | None = txn.get(_SLOT.pack(slot), db=txn.tables.slots)
        return key

    def extents(self, txn: WriteTxn, start: int = 0) -> Iterator[Extent]:
        """Live extents from `start` on, by offset."""
        with txn.txn.cursor(txn.tables.extents) as cursor:
            found = cursor.set_range(offset_key(start))
            while found:
                yield _extent_at(cursor)
                found = cursor.next()

    def extents_before(self, txn: WriteTxn, end: int) -> Iterator[Extent]:
        """Live extents that begin before `end`, backwards."""
        with txn.txn.cursor(txn.tables.extents) as cursor:
            found = cursor.set_range(offset_key(end))
            found = cursor.prev() if found else cursor.last()
            while found:
                yield _extent_at(cursor)
                found = cursor.prev()

    def extent_before(self, txn: WriteTxn, offset: int) -> int:
        """Offset of the last live extent that begins at or before `offset`."""
        with txn.txn.cursor(txn.tables.extents) as cursor:
            found = cursor.set_range(offset_key(offset))
            if found and int.from_bytes(cursor.key(), _ORDER) == offset:
                return offset
            found = cursor.prev() if found else cursor.last()
            return int.from_bytes(cursor.key(), _ORDER) if found else 0

    # -- changing ----------------------------------------------------------

    def new_generation(self, txn: WriteTxn) -> int:
        """The next of the store's one counter."""
        txn.state.generation += 1
        return txn.state.generation

    def insert(
        self,
        txn: WriteTxn,
        key: bytes,
        entry: Entry,
        account: Account,
        *,
        compressible: bool,
    ) -> None:
        """Write a new entry under a key that has none; gives it its slot."""
        if entry.slot < 0:
            entry.slot = self._new_slot(txn)
            txn.put(_SLOT.pack(entry.slot), key, db=txn.tables.slots)
        namespace_id = int.from_bytes(key[:2], "big")
        self._describe(entry, namespace_id, compressible=compressible)
        self._record(txn, key, entry)
        if entry.expires:
            moment = expiry_key(key, entry.expires)
            txn.put(moment, key, db=txn.tables.expiries)
        for tag in entry.tags:
            txn.put(tag_key(namespace_id, tag), key, db=txn.tables.tags)
        _count(account, entry, 1)

    def _record(self, txn: WriteTxn, key: bytes, entry: Entry) -> None:
        """Write an entry's record and the row of its extent."""
        txn.put(key, self.pack(key, entry), db=txn.tables.entries)
        if entry.offset >= 0:
            value = _EXTENT.pack(entry.extent_nbytes // _UNIT, entry.slot)
            txn.put(offset_key(entry.offset), value, db=txn.tables.extents)

    def _describe(self, entry: Entry, namespace_id: int, *, compressible: bool) -> None:
        # Before the commit: after an abort the record names a generation that
        # does not exist, which only makes its slot look cold; the other way
        # round, a crash in between would leave an entry that is no candidate.
        flags = HELD if entry.pinned else 0
        if entry.inline:
            flags |= INLINE
        elif compressible and entry.extent_nbytes >= COMPRESS_MIN:
            flags |= COMPRESSIBLE
        self.access.claim(
            entry.slot,
            entry.generation,
            namespace_id,
            entry.extent_nbytes // _UNIT,
            entry.cost_s,
            flags,
        )

    def _new_slot(self, txn: WriteTxn) -> int:
        if txn.state.free_slots:
            with txn.txn.cursor(txn.tables.free_slots) as cursor:
                cursor.first()
                (slot,) = _SLOT.unpack(cursor.key())
                cursor.delete()
            txn.state.free_slots -= 1
            return int(slot)
        slot = txn.state.next_slot
        if slot >= self.access.slots:
            self.access.grow(slot + AccessTable.STEP)
        txn.state.next_slot += 1
        return slot

    def remove(
        self,
        txn: WriteTxn,
        key: bytes,
        entry: Entry,
        account: Account,
        *,
        keep_slot: bool = False,
    ) -> None:
        """Take an entry out of every table.

        Its extent becomes nobody's: the caller retires or reserves it in the same
        transaction. With `keep_slot` the record stays for `insert` to overwrite.
        """
        tables = txn.tables
        if entry.offset >= 0:
            txn.txn.delete(offset_key(entry.offset), db=tables.extents)
        if not keep_slot:
            txn.txn.delete(key, db=tables.entries)
            txn.txn.delete(_SLOT.pack(entry.slot), db=tables.slots)
            txn.put(_SLOT.pack(entry.slot), b"", db=tables.free_slots)
            txn.state.free_slots += 1
            slot, generation = entry.slot, entry.generation
            txn.after.append(lambda: self.access.release(slot, generation))
        if entry.expires:
            moment = expiry_key(key, entry.expires)
            txn.txn.delete(moment, db=tables.expiries)
        namespace_id = int.from_bytes(key[:2], "big")
        for tag in entry.tags:
            txn.txn.delete(tag_key(namespace_id, tag), key, db=tables.tags)
        _count(account, entry, -1)

    def rewrite(
        self, txn: WriteTxn, key: bytes, old: Entry, new: Entry, account: Account
    ) -> None:
        """Change an entry in place: pin, expiry. Slot and extent stay."""
        self.remove(txn, key, old, account, keep_slot=True)
        self.insert(txn, key, new, account, compressible=False)

    def relocate(self, txn: WriteTxn, key: bytes, entry: Entry, offset: int) -> None:
        """Point an entry at its bytes' new place; the old one is nobody's."""
        txn.txn.delete(offset_key(entry.offset), db=txn.tables.extents)
        entry.offset = offset
        self._record(txn, key, entry)

    def reframe(
        self,
        txn: WriteTxn,
        key: bytes,
        versions: tuple[Entry, Entry],
        account: Account,
    ) -> None:
        """Give an entry other frames of its value, in another extent.

        Slot, generation and recency stay. The old extent is nobody's.
        """
        old, new = versions
        txn.txn.delete(offset_key(old.offset), db=txn.tables.extents)
        units = new.extent_nbytes // _UNIT
        self._record(txn, key, new)
        txn.after.append(lambda: self.access.set_units(new.slot, units))
        _count(account, old, -1)
        _count(account, new, 1)

    # -- extents that wait -------------------------------------------------

    def retire(self, txn: WriteTxn, offset: int, nbytes: int) -> None:
        """Unlink an extent: freed when nobody can be looking any more."""
        size = nbytes.to_bytes(8, "little")
        txn.put(offset_key(offset), size, db=txn.tables.retired)
        txn.state.retired += 1

    def retired(self, txn: WriteTxn) -> list[tuple[int, int]]:
        """(offset, nbytes) of all retired extents."""
        return list(self._retired(txn))

    @staticmethod
    def _retired(txn: WriteTxn) -> Iterator[tuple[int, int]]:
        with txn.txn.cursor(txn.tables.retired) as cursor:
            for key, value in cursor:
                nbytes = int.from_bytes(value[:8], "little")
                yield int.from_bytes(key, _ORDER), nbytes

    def free_retired(self, txn: WriteTxn, pinned: set[int]) -> int:
        """Free what was retired by earlier commits and is not leased.

        `pinned` must have been read after those commits: inside this
        transaction it was. At most `FREE_MOST`; returns the bytes freed.
        """
        waiting = ((at, size) for at, size in self._retired(txn) if at not in pinned)
        ready = list(islice(waiting, FREE_MOST))  # before the table changes
        for offset, nbytes in ready:
            txn.txn.delete(offset_key(offset), db=txn.tables.retired)
            txn.state.retired -= 1
            free(txn, offset, nbytes)
        return sum(nbytes for _, nbytes in ready)

    def charge(self, txn: WriteTxn, namespace_id: int) -> "_Charge":
        """The namespace's account, saved at the end of the block."""
        return _Charge(txn, namespace_id)


class _Charge:
    def __init__(self, txn: WriteTxn, namespace_id: int) -> None:
        self._txn, self._id = txn, namespace_id
        self._account = load_account(txn, namespace_id)

    def __enter__(self) -> Account:
        return self._account

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            save_account(self._txn, self._id, self._account)


_ORDER = sys.byteorder


def tag_key(namespace_id: int, tag: str) -> bytes:
    """The key of a tag's list of entries."""
    return _fit(namespace_id.to_bytes(2, "big") + tag.encode())


def expiry_key(key: bytes, expires: float) -> bytes:
    """The place of an entry in the list of what is due when."""
    return _fit(_INSTANT.pack(expires) + key)


def _extent_at(cursor: Any) -> Extent:
    key, value = cursor.item()
    units, slot = _EXTENT.unpack(value)
    return Extent(int.from_bytes(key, _ORDER), units * _UNIT, slot)


def _fit(key: bytes) -> bytes:
    if len(key) <= _KEY_MAX:
        return key
    return key[:_KEY_HEAD] + xxhash.xxh3_128_digest(key)


def _count(account: Account, entry: Entry, sign: int) -> None:
    stored = entry.stored_nbytes
    account.entries += sign
    account.raw_nbytes += sign * (entry.raw_nbytes or len(entry.body))
    account.stored_nbytes += sign * stored
    if entry.pinned:
        account.pinned_nbytes += sign * stored
