"""Reader: gets, by copy or by view, that are right or a miss.

A copying read validates: record, copy, record again; a changed record means
that the bytes may be another's, so again. A view pins first (see `clients`).
The counters and the access record are written without a lock.
"""

import platform
import time
from collections.abc import Iterable, Sequence
from functools import partial
from struct import Struct
from typing import TYPE_CHECKING

from gridcache.codec.frames import align
from gridcache.errors import CorruptFramesError
from gridcache.store.disk import body_checksum, read_head, unseal
from gridcache.store.layout import VIEW_MIN
from gridcache.store.leases import Lease, LeaseBook, leased_memory
from gridcache.store.outcome import Hit, Miss, MissReason
from gridcache.store.parts import Parts
from gridcache.store.records import (
    ARENA,
    EXPIRES,
    IMMUTABLE,
    INLINE,
    PINNED,
    REPLICATED,
    STAMPED,
    TOMBSTONE,
    VIEWABLE,
    Entry,
    end_of,
    unpack_entry,
)
from gridcache.store.transaction import WriteTxn

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Reader"]

_FIXED = Struct("<QIHHIf")
_SIMPLE = Struct("<QIHHIfQQI")
_STAMP = Struct("<QQ")
_HEADER_AT = _FIXED.size
_REUSES = 3
_LOADS_IN_ORDER = platform.machine().lower() in {"x86_64", "amd64", "i686"}
_COPY_MAX = 1 << 30
_OWN_MIN = 1 << 20
"""Copies of so many bytes are writable, for the caller to keep."""
_COPY_TRIES = 4
_DOUBTS = 2
"""Looks before damage is believed: a new pin or time to live rewrites a head in
place, and a removal voids it, while somebody reads."""
_AT_ONCE = 1000
_UNKNOWN = Miss(MissReason.NEVER_STORED)
_EXPIRED = Miss(MissReason.EXPIRED)
_CORRUPT = Miss(MissReason.CORRUPT)


class Reader:
    """Reads of one process."""

    def __init__(self, parts: Parts, leases: LeaseBook) -> None:
        self._parts = parts
        self._index_get = parts.index.get
        self._access = parts.access
        self._touch = parts.access.touch
        self._leases = leases
        self._on_disk = parts.superblock.on_disk
        marks = PINNED | VIEWABLE | STAMPED | IMMUTABLE | REPLICATED
        simple = 0 if self._on_disk else ARENA | marks
        self._not_simple = 0xFFFF & ~simple
        self.forget: Callable[[bytes, bytes], None] | None = None
        """Told the entry key and the record of what is damaged."""

    def get(
        self,
        key: bytes,
        long_key: bytes = b"",
        *,
        view: bool = True,
        count: bool = True,
        raw: bool = False,
        ours: bool = True,
    ) -> Hit | Miss:
        """The frames of an entry key.

        Parameters
        ----------
        view
            True to lease viewable bodies of `VIEW_MIN` bytes and more.
        raw
            True to lease bodies of that size that are not viewable, too: for who
            sends the bytes on.
        count
            False to leave statistics and recency alone.
        ours
            False where another node answers for the key: that it is not here is
            no miss, and why is not looked up.
        """
        reuses = self._access.words[_REUSES]
        record = self._index_get(key)
        if record is None:
            if not ours:
                return _UNKNOWN
            return self._miss(key, self._parts.gone.look_up(key), count)
        generation, slot, flags, header_len, _, cost_s = _FIXED.unpack_from(record)
        hit: Hit | Miss | None = None
        if flags & ~IMMUTABLE == INLINE and not self._on_disk:
            end = _HEADER_AT + header_len
            header, body = record[_HEADER_AT:end], memoryview(record)[end:]
            immutable = flags != INLINE
            hit = Hit(header, body, generation, cost_s, False, 0, immutable)
        elif not flags & self._not_simple:
            hit = self._copy_simple(key, record, reuses, view=view, raw=raw)
        if hit is None:
            hit = self._get_other(key, long_key, record, view=view, raw=raw)
        if type(hit) is Miss:
            return self._no_good(key, record, hit, count=count and ours)
        if count:
            self._touch(slot, generation)
            counters = self._parts.count(key[0] << 8 | key[1])
            counters.hits += 1
            counters.saved_s += cost_s
        return hit

    def _copy_simple(
        self, key: bytes, record: bytes, reuses: int, *, view: bool, raw: bool
    ) -> Hit | None:
        """Copy a plain arena entry; None if it is large, leased or changing.

        No extent was reused since before the record was read: then the bytes are
        the record's, and a second look at the index is saved. The number is
        raised after the removal of an entry is committed and before its bytes
        are overwritten. Loads are in order on x86; elsewhere the second look.
        """
        generation, _, flags, header_len, _, cost_s, offset, nbytes, lead = (
            _SIMPLE.unpack_from(record)
        )
        if (
            lead
            or nbytes > _COPY_MAX
            or (nbytes >= VIEW_MIN and (raw or (view and flags & VIEWABLE)))
        ):
            return None
        body: bytes | memoryview
        if nbytes >= _OWN_MIN and not (view or raw):
            body = self._parts.arena.read_own(offset, nbytes)
        else:
            body = self._parts.arena.read(offset, nbytes)
        same = _LOADS_IN_ORDER and self._access.words[_REUSES] == reuses
        if len(body) != nbytes or not (same or self._index_get(key) == record):
            return None
        at, term = _SIMPLE.size, 0
        if flags & STAMPED:
            term, _ = _STAMP.unpack_from(record, at)
            at += _STAMP.size
        header, immutable = record[at : at + header_len], bool(flags & IMMUTABLE)
        return Hit(header, memoryview(body), generation, cost_s, False, term, immutable)

    def _no_good(self, key: bytes, record: bytes, miss: Miss, *, count: bool) -> Miss:
        if miss is _CORRUPT and self.forget is not None:
            self.forget(key, record)
        return self._miss(key, miss, count)

    def _miss(self, key: bytes, miss: Miss, count: bool) -> Miss:
        if count:
            self._parts.count(key[0] << 8 | key[1]).misses[miss.reason] += 1
        return miss

    def is_current(self, key: bytes, generation: int) -> bool:
        """True, and counted as a hit, if the entry still has that generation."""
        record = self._index_get(key)
        if record is None:
            return False
        found, slot, flags, _, _, cost_s = _FIXED.unpack_from(record)
        if found != generation:
            return False
        # On disk an end counts only once the record's checksum was seen to be right.
        if flags & EXPIRES and (self._on_disk or end_of(record, flags) <= time.time()):
            return False
        self._touch(slot, generation)
        counters = self._parts.count(key[0] << 8 | key[1])
        counters.hits += 1
        counters.saved_s += cost_s
        return True

    def find(self, key: bytes, long_key: bytes = b"") -> Entry | Miss:
        """The entry itself, if it is there and not expired."""
        record = self._index_get(key)
        if record is None:
            return self._parts.gone.look_up(key)
        return self._entry(key, long_key, record)

    def find_many(self, keys: Sequence[tuple[bytes, bytes]]) -> list[Entry | None]:
        """Find many entries: those that are there and not expired, in order.

        Parameters
        ----------
        keys
            Each as entry key and whole key, if long. A thousand are looked up in one
            transaction: it keeps old pages and holds other threads off for about a
            millisecond.
        """
        records: list[bytes | None] = []
        for start in range(0, len(keys), _AT_ONCE):
            some = [key for key, _ in keys[start : start + _AT_ONCE]]
            records += self._parts.index.snapshot(partial(_records, some))
        return [
            None if record is None else self._entry_or_none(key, long_key, record)
            for (key, long_key), record in zip(keys, records, strict=True)
        ]

    def _entry_or_none(
        self, key: bytes, long_key: bytes, record: bytes
    ) -> Entry | None:
        entry = self._entry(key, long_key, record)
        return None if isinstance(entry, Miss) else entry

    def _entry(self, key: bytes, long_key: bytes, record: bytes) -> Entry | Miss:
        try:
            entry = unpack_entry(unseal(key, record) if self._on_disk else record)
        except CorruptFramesError:
            return _CORRUPT
        if entry.long_key != long_key:
            return Miss(MissReason.NEVER_STORED)
        if entry.stamp.flags & TOMBSTONE:
            return Miss(MissReason.DELETED, entry.created)
        if entry.expires and entry.expires <= time.time():
            return Miss(MissReason.EXPIRED, entry.expires)
        return entry

    def _get_other(
        self, key: bytes, long_key: bytes, record: bytes, *, view: bool, raw: bool
    ) -> Hit | Miss:
        for attempt in range(1 << 16):
            entry = self._entry(key, long_key, record)
            if isinstance(entry, Miss):
                return entry
            if entry.inline:
                return _hit(entry, entry.header, memoryview(entry.body), leased=False)
            wants_view = raw or (view and entry.viewable)
            wants_view = wants_view and entry.body_nbytes >= VIEW_MIN
            pinning = wants_view or attempt >= _COPY_TRIES
            found = self._read(key, entry, record, pinning=pinning, view=wants_view)
            if found is not None and not (found is _CORRUPT and attempt < _DOUBTS):
                return found
            again = self._index_get(key)
            if again is None:
                return self._parts.gone.look_up(key)
            record = again
        return _CORRUPT  # pragma: no cover - 65,536 writers in a row

    def _read(
        self, key: bytes, entry: Entry, record: bytes, *, pinning: bool, view: bool
    ) -> Hit | Miss | None:
        """One attempt; None if the entry changed meanwhile."""
        lease = self._lease(key, entry) if pinning else None
        if lease is None:
            if view:
                self._parts.count(key[0] << 8 | key[1]).private_copies += 1
            whole = self._copy(entry)
            if self._index_get(key) != record:
                return None
            return self._hit(key, entry, whole, leased=False)
        if self._index_get(key) != record:
            lease.end()
            return None
        if not view:
            whole = self._copy(entry)
            lease.end()
            return self._hit(key, entry, whole, leased=False)
        nbytes = entry.lead_nbytes + entry.body_nbytes
        memory = self._parts.arena.view(entry.offset, nbytes)
        return self._hit(key, entry, leased_memory(memory, lease), leased=True)

    def _lease(self, key: bytes, entry: Entry) -> Lease | None:
        nbytes = entry.extent_nbytes
        if self._leases.nbytes + nbytes > self._leases.cap_nbytes:
            return None
        lease = Lease(self._parts.row, self._leases, entry.offset, nbytes)
        return lease if lease.slot >= 0 else None

    def _copy(self, entry: Entry) -> memoryview:
        nbytes = entry.lead_nbytes + entry.body_nbytes
        try:
            return memoryview(self._parts.arena.read(entry.offset, nbytes))
        except OSError:
            if not self._on_disk:
                raise
            return memoryview(b"")  # a bad sector: what is not whole is a miss

    def _hit(
        self, key: bytes, entry: Entry, whole: memoryview, *, leased: bool
    ) -> Hit | Miss:
        header = entry.header
        if self._on_disk and not _whole(key, entry, whole):
            return _CORRUPT
        if entry.header_nbytes > len(header):
            start = entry.lead_nbytes - align(entry.header_nbytes)
            header = bytes(whole[start : start + entry.header_nbytes])
        body = whole[entry.lead_nbytes :] if entry.lead_nbytes else whole
        return _hit(entry, header, body, leased=leased)


def _records(keys: Iterable[bytes], txn: WriteTxn) -> list[bytes | None]:
    get, table = txn.txn.get, txn.tables.entries
    return [get(key, db=table) for key in keys]


def _hit(entry: Entry, header: bytes, body: memoryview, *, leased: bool) -> Hit:
    term, _, flags = entry.stamp
    immutable = bool(flags & IMMUTABLE)
    return Hit(header, body, entry.generation, entry.cost_s, leased, term, immutable)


def _whole(key: bytes, entry: Entry, extent: memoryview) -> bool:
    """True if an extent on disk is what its head and the index say."""
    head = read_head(extent[: entry.lead_nbytes])
    return (
        head is not None
        and head.generation == entry.generation
        and head.key == key
        and len(extent) == entry.lead_nbytes + entry.body_nbytes
        and body_checksum([extent[head.nbytes :]]) == head.checksum
    )
