"""Allocator: which ranges of the arena are free. It deals only in offsets.

Best fit over two ordered tables, by size and by offset, merging both
neighbours, all inside the index's transaction: a crash rolls it back with the
rest. Freed extents are used before memory never touched, since first touch of
shared memory is two to three times slower than reuse.

Every size and offset is a multiple of `ALIGNMENT`. Below `state.top` the free,
live, reserved and retired ranges tile the arena; above it nothing was used yet.
"""

import sys
from collections.abc import Iterator
from struct import Struct

from gridcache.store.transaction import WriteTxn

__all__ = [
    "allocate",
    "free",
    "free_before",
    "free_ranges",
    "largest_free",
    "last_free",
    "offset_key",
    "take",
]

_BE = Struct(">QQ")
_WORD = Struct("=Q")

offset_key = _WORD.pack
"""Native order: the tables by offset have integer keys."""


def allocate(txn: WriteTxn, nbytes: int, limit: int = sys.maxsize) -> int | None:
    """Take `nbytes` from free extents, else from above the top.

    Parameters
    ----------
    limit
        An offset that the range must not pass.

    Returns
    -------
    int | None
        The offset; None if neither has room in the arena as long as it is now.
    """
    state = txn.state
    if state.free_nbytes >= nbytes:
        offset = _best_fit(txn, nbytes, limit)
        if offset is not None:
            state.reused_nbytes += nbytes
            return offset
    if state.top + nbytes > min(state.arena_nbytes, limit):
        return None
    offset = state.top
    state.top += nbytes
    state.fresh_nbytes += nbytes
    return offset


def _best_fit(txn: WriteTxn, nbytes: int, limit: int) -> int | None:
    tables = txn.tables
    with txn.txn.cursor(tables.free_by_size) as cursor:
        if not cursor.set_range(_BE.pack(nbytes, 0)):
            return None
        size, offset = _BE.unpack(cursor.key())
        while offset + nbytes > limit:
            if not cursor.next():
                return None
            size, offset = _BE.unpack(cursor.key())
        cursor.delete()
    txn.txn.delete(_WORD.pack(offset), db=tables.free_by_offset)
    if size > nbytes:
        _record(txn, offset + nbytes, size - nbytes)
    txn.state.free_nbytes -= nbytes
    return int(offset)


def free(txn: WriteTxn, offset: int, nbytes: int) -> None:
    """Give a range back and merge it with its free neighbours."""
    txn.state.free_nbytes += nbytes
    with txn.txn.cursor(txn.tables.free_by_offset) as cursor:
        found = cursor.set_range(_WORD.pack(offset))
        if found and _at(cursor)[0] == offset + nbytes:
            nbytes += _drop(txn, *_at(cursor))
            found = cursor.set_range(_WORD.pack(offset))
        if cursor.prev() if found else cursor.last():
            before, size = _at(cursor)
            if before + size == offset:
                _drop(txn, before, size)
                offset, nbytes = before, nbytes + size
    _record(txn, offset, nbytes)


def take(txn: WriteTxn, offset: int, nbytes: int) -> None:
    """Take one whole free range, as `free_ranges` gave it."""
    _drop(txn, offset, nbytes)
    txn.state.free_nbytes -= nbytes


def free_ranges(txn: WriteTxn, start: int = 0) -> Iterator[tuple[int, int]]:
    """(offset, nbytes) of free ranges from `start` on, by offset."""
    with txn.txn.cursor(txn.tables.free_by_offset) as cursor:
        found = cursor.set_range(_WORD.pack(start))
        while found:
            yield _at(cursor)
            found = cursor.next()


def free_before(txn: WriteTxn, end: int) -> Iterator[tuple[int, int]]:
    """(offset, nbytes) of free ranges that begin before `end`, backwards."""
    with txn.txn.cursor(txn.tables.free_by_offset) as cursor:
        found = cursor.set_range(_WORD.pack(end))
        found = cursor.prev() if found else cursor.last()
        while found:
            yield _at(cursor)
            found = cursor.prev()


def last_free(txn: WriteTxn) -> tuple[int, int] | None:
    """(offset, nbytes) of the last free range below the top."""
    with txn.txn.cursor(txn.tables.free_by_offset) as cursor:
        return _at(cursor) if cursor.last() else None


def largest_free(txn: WriteTxn) -> int:
    """Bytes of the largest free range below the top."""
    with txn.txn.cursor(txn.tables.free_by_size) as cursor:
        return _BE.unpack(cursor.key())[0] if cursor.last() else 0


def _at(cursor: object) -> tuple[int, int]:
    key, value = cursor.item()  # type: ignore[attr-defined]
    return _WORD.unpack(key)[0], _WORD.unpack(value)[0]


def _record(txn: WriteTxn, offset: int, nbytes: int) -> None:
    txn.put(_WORD.pack(offset), _WORD.pack(nbytes), db=txn.tables.free_by_offset)
    txn.put(_BE.pack(nbytes, offset), b"", db=txn.tables.free_by_size)


def _drop(txn: WriteTxn, offset: int, nbytes: int) -> int:
    txn.txn.delete(_WORD.pack(offset), db=txn.tables.free_by_offset)
    txn.txn.delete(_BE.pack(nbytes, offset), db=txn.tables.free_by_size)
    return nbytes
