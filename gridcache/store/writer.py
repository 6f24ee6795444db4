"""Writer: puts in two phases.

Reserve, write, commit. A small value is written inside the one transaction that
also commits it. A dead writer leaves a reservation that is reaped; an
interrupted one aborts its own, at the latest in this thread's next put.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

from gridcache.codec.frames import Frames, Poured, align
from gridcache.errors import ValueTooLargeError
from gridcache.store.claims import Reservation
from gridcache.store.disk import Head, body_checksum, head_nbytes, pack_head
from gridcache.store.layout import INLINE_MAX, SINGLE_PHASE_MAX
from gridcache.store.namespaces import (
    Account,
    Namespace,
    load_account,
    save_account,
)
from gridcache.store.parts import Parts
from gridcache.store.records import PLAIN, Entry, Stamp, entry_key, extent_nbytes
from gridcache.store.relief import TRIES, NoRoomError, Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["Order", "Writer"]

_HEADER_MAX = 512
"""Bytes of header kept in the index; a longer one lies before the body."""


class _OverQuotaError(Exception):
    """Private: the namespace must give first."""


class _SlotsUsedError(Exception):
    """Private: the access table must grow first."""


class Order(NamedTuple):
    """What is to be stored under which key. A tuple: one is made at every put."""

    space: Namespace
    key: str
    frames: Frames | Poured
    """A poured body must be larger than `SINGLE_PHASE_MAX`."""
    ttl_s: float | None = None
    cost_s: float = 0.0
    pinned: bool = False
    tags: tuple[str, ...] = ()
    fence: Callable[[WriteTxn], bool] | None = None
    """Asked inside the commit; False drops the put (a late leader's)."""
    stamp: Stamp = PLAIN


@dataclass(slots=True)
class _Put:
    """One put under way."""

    order: Order
    key: bytes
    entry: Entry
    """Generation, slot and offset are set in the transaction."""
    reservation: Reservation | None = None
    checksum: int = 0


class Writer:
    """Puts of one process."""

    def __init__(self, parts: Parts, relief: Relief) -> None:
        self._parts = parts
        self._relief = relief
        self._on_disk = parts.superblock.on_disk

    # -- put ---------------------------------------------------------------

    def put(self, order: Order) -> int | None:
        """Store frames; returns the generation, None if the fence dropped it.

        Raises
        ------
        ValueTooLargeError, OutOfSpaceError
            It cannot fit. An older value of the key stays.
        """
        self._parts.claims.abort_leftover()
        self._relief.index.look_after()
        put = self._prepare(order)
        nbytes = put.entry.extent_nbytes
        if put.entry.inline:
            return self._settle(put)
        self._refuse_too_large(order, nbytes)
        if nbytes <= SINGLE_PHASE_MAX and not (self._relief.crowded or self._on_disk):
            try:
                return self._settle(put)
            except NoRoomError:
                pass
        return self._put_reserved(put, nbytes)

    def _put_reserved(self, put: _Put, nbytes: int) -> int | None:
        try:
            put.reservation = self._relief.reserve(nbytes)
            put.entry.offset = put.reservation.offset
            put.checksum = self.write(put.entry, put.order.frames)
            generation = self._settle(put)
        except BaseException:
            self._parts.claims.abort_leftover()
            raise
        if generation is None:
            self._parts.claims.abort_leftover()
        return generation

    def _prepare(self, order: Order) -> _Put:
        key, long_key = entry_key(order.space.id, order.key)
        frames, now = order.frames, time.time()
        header, body_nbytes = frames.header, frames.body_nbytes
        ttl_s = order.space.ttl_s if order.ttl_s is None else order.ttl_s
        small = len(header) + body_nbytes <= INLINE_MAX
        inline = small and not (self._on_disk or self._relief.index.is_full)
        fits = len(header) <= _HEADER_MAX
        entry = Entry(
            0,
            -1,
            header if fits else b"",
            len(header),
            int(now),
            order.cost_s,
            frames.viewable,
            order.pinned,
            -1 if inline else 0,
            body_nbytes,
            0 if fits else align(len(header)),
            frames.raw_nbytes or body_nbytes,
            now + ttl_s if ttl_s is not None else 0.0,
            long_key,
            order.tags,
            _joined(frames.buffers) if inline else b"",
        )
        entry.stamp = order.stamp
        if self._on_disk:
            entry.slot = 0
            record = self._parts.books.pack(key, entry)
            entry.lead_nbytes += head_nbytes(len(key), len(record))
        if not inline:
            entry.extent_nbytes = extent_nbytes(entry.lead_nbytes, body_nbytes)
        return _Put(order, key, entry)

    # -- commit ------------------------------------------------------------

    def _settle(self, put: _Put) -> int | None:
        """Commit, making room in between where something is full."""
        for _ in range(TRIES):
            try:
                generation = self._relief.index.transact(
                    lambda txn: self._commit(txn, put)
                )
            except _OverQuotaError:
                self._relief.evictions.make_quota_room(
                    put.order.space, put.key, put.entry.stored_nbytes
                )
            except _SlotsUsedError:
                self._relief.index.grow_access()
            else:
                if generation is not None:  # here: a transaction may run twice
                    self._parts.count(put.order.space.id).puts += 1
                return generation
        raise self._relief.out_of_space(put.entry.stored_nbytes)

    def _commit(self, txn: WriteTxn, put: _Put) -> int | None:
        order, entry, books = put.order, put.entry, self._parts.books
        if order.fence is not None and not order.fence(txn):
            return None
        if put.reservation is not None:
            self._parts.claims.settle(txn, put.reservation)
        elif not entry.inline:
            entry.offset = self._relief.allocate(txn, entry.extent_nbytes)
            self._parts.access.note_reuse()
            self.write(entry, order.frames)
        entry.generation = books.new_generation(txn)
        account = load_account(txn, order.space.id)
        self._make_way(txn, put, account)
        compressible = order.space.compression == "auto"
        books.insert(txn, put.key, entry, account, compressible=compressible)
        save_account(txn, order.space.id, account)
        if self._on_disk:
            self.write_head(put.key, entry, put.checksum)
        return entry.generation

    def _make_way(self, txn: WriteTxn, put: _Put, account: Account) -> None:
        """Take the slot of the key's older value, or see that there is one."""
        books, quota = self._parts.books, put.order.space.quota_nbytes
        old = books.find(txn, put.key)
        if quota is not None:
            before = account.stored_nbytes - (old.stored_nbytes if old else 0)
            if before + put.entry.stored_nbytes > quota:
                raise _OverQuotaError
        if old is not None:
            put.entry.slot = old.slot
            books.remove(txn, put.key, old, account, keep_slot=True)
            self._parts.retirement.retire(txn, put.key, old, superseded=True)
            return
        put.entry.slot = -1
        if self._relief.index.slots_used(txn):
            raise _SlotsUsedError

    # -- bytes -------------------------------------------------------------

    def write(self, entry: Entry, frames: Frames | Poured) -> int:
        """Write everything of an extent but the head; returns the checksum."""
        if isinstance(frames, Poured):
            return self._pour(entry, frames)
        pieces = frames.buffers
        start = entry.offset + entry.lead_nbytes
        if frames.header and not entry.header:
            room = align(len(frames.header))
            pieces = (memoryview(frames.header.ljust(room, b"\0")), *pieces)
            start -= room
        if len(pieces) == 1:
            self._parts.arena.write_one(start, pieces[0])
        else:
            self._parts.arena.write(start, pieces)
        return body_checksum(list(pieces)) if self._on_disk else 0

    def _pour(self, entry: Entry, frames: Poured) -> int:
        """Let the source of a body write it, piece by piece."""
        start = entry.offset + entry.lead_nbytes
        if frames.header and not entry.header:
            room = align(len(frames.header))
            self._parts.arena.write_one(start - room, frames.header.ljust(room, b"\0"))
        return frames.pour(self._parts.arena.write_one, start)

    def reframed(self, key: bytes, old: Entry, frames: Frames) -> Entry:
        """The entry with other frames of the same value, but for its offset."""
        header, fits = frames.header, len(frames.header) <= _HEADER_MAX
        new = replace(
            old,
            header=header if fits else b"",
            header_nbytes=len(header),
            viewable=frames.viewable,
            body_nbytes=frames.body_nbytes,
            lead_nbytes=0 if fits else align(len(header)),
            raw_nbytes=frames.raw_nbytes,
        )
        if self._on_disk:
            record = self._parts.books.pack(key, new)
            new.lead_nbytes += head_nbytes(len(key), len(record))
        new.extent_nbytes = extent_nbytes(new.lead_nbytes, new.body_nbytes)
        return new

    def write_head(self, key: bytes, entry: Entry, checksum: int) -> None:
        """Write the head of an extent on disk: the mark that it is whole."""
        head = Head(
            entry.generation,
            entry.lead_nbytes,
            entry.body_nbytes,
            checksum,
            key,
            self._parts.books.pack(key, entry),
        )
        self._parts.arena.write_one(entry.offset, pack_head(head))

    def _refuse_too_large(self, order: Order, nbytes: int) -> None:
        quota = order.space.quota_nbytes
        if nbytes <= SINGLE_PHASE_MAX and quota is None:
            return
        limit = self._relief.room.largest_value_nbytes()
        if quota is not None and quota < limit:
            limit = quota
        if nbytes > limit:
            message = (
                f"the value for {order.key!r} takes {nbytes} bytes, at most {limit} "
                f"fit; enlarge the store (resize) or the quota, or do not cache it"
            )
            raise ValueTooLargeError(message, nbytes=nbytes, limit=limit)


def _joined(buffers: tuple[memoryview, ...]) -> bytes:
    """A body in one piece."""
    if len(buffers) == 1:
        return bytes(buffers[0])
    last = len(buffers) - 1
    return b"".join(
        bytes(buffer).ljust(align(buffer.nbytes) if number < last else 0, b"\0")
        for number, buffer in enumerate(buffers)
    )
