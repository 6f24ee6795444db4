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
from gridcache.store.disk import find_head
from gridcache.store.records import Entry
from gridcache.store.scan import entry_of
from gridcache.store.transaction import WriteTxn

__all__ = ["salvage"]

_EXTENT = Struct("<II")
_SLOT = Struct("=I")
_OFFSET = Struct("=Q")
_INSTANT = Struct(">d")
_UNIT = 64


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
    head = find_head(arena.read, offset)
    if head is not None and head.key == key:
        entry = entry_of(head, offset)
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
