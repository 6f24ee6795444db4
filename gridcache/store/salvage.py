"""Salvage: the entry of a key whose index record is damaged.

The slot table still names the key, the extent table the slot, and the extent's
head repeats the record. So the entry can be replaced, evicted and deleted with
books that balance; its value is not served. Rare, so it may look at everything.
"""

from struct import Struct
from typing import Any

from gridcache.errors import CorruptFramesError
from gridcache.store.access import HELD, AccessTable
from gridcache.store.arena import Arena
from gridcache.store.disk import FIXED_NBYTES, declared_nbytes, read_head, unseal
from gridcache.store.index import WriteTxn
from gridcache.store.records import Entry, unpack_entry

__all__ = ["entry_at", "salvage"]

_EXTENT = Struct("<II")
_SLOT = Struct("=I")
_OFFSET = Struct("=Q")
_INSTANT = Struct(">d")
_UNIT = 64


def entry_at(arena: Arena, offset: int) -> tuple[bytes, Entry] | None:
    """Key and entry as the head at an offset has them; None if it is not whole."""
    nbytes = declared_nbytes(arena.read(offset, FIXED_NBYTES))
    head = read_head(arena.read(offset, nbytes)) if nbytes else None
    if head is None:
        return None
    entry = unpack_entry(unseal(head.key, head.record))
    entry.offset = offset
    if head.amended is not None:
        entry.expires, entry.pinned = head.amended
    return head.key, entry


def salvage(txn: WriteTxn, key: bytes, arena: Arena, access: AccessTable) -> Entry:
    """The entry of a key without its record.

    Raises
    ------
    CorruptFramesError
        The tables do not know the key either.
    """
    for slot_key, owner in _items(txn, txn.tables.slots):
        if owner == key:
            (slot,) = _SLOT.unpack(slot_key)
            break
    else:
        raise _lost(key)
    for offset_key, extent in _items(txn, txn.tables.extents):
        units, holder = _EXTENT.unpack(extent)
        if holder == slot:
            (offset,) = _OFFSET.unpack(offset_key)
            break
    else:
        raise _lost(key)
    found = entry_at(arena, offset)
    if found is not None and found[0] == key:
        entry = found[1]
    else:
        entry = _from_tables(txn, key, Entry(0, slot, offset=offset), access)
        entry.lead_nbytes = entry.extent_nbytes = units * _UNIT
    entry.slot = slot
    return entry


def _from_tables(txn: WriteTxn, key: bytes, entry: Entry, access: AccessTable) -> Entry:
    """What the other tables say of an entry whose head is damaged, too."""
    entry.pinned = bool(access.records()[entry.slot]["flags"] & HELD)
    for moment, owner in _items(txn, txn.tables.expiries):
        if owner == key:
            (entry.expires,) = _INSTANT.unpack_from(moment)
    entry.tags = tuple(
        tag[2:].decode(errors="surrogateescape")
        for tag, owner in _items(txn, txn.tables.tags)
        if owner == key
    )
    return entry


def _items(txn: WriteTxn, table: Any) -> Any:
    with txn.txn.cursor(table) as cursor:
        yield from cursor


def _lost(key: bytes) -> CorruptFramesError:
    message = f"the index of the store has lost {key[2:]!r}; open the store again"
    return CorruptFramesError(message)
