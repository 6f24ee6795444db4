"""Writer: puts in two phases, and what makes room for them.

Reserve, write, commit. A small value is written inside the one transaction that
also commits it. A dead writer leaves a reservation that is reaped; an
interrupted one aborts its own, at the latest in this thread's next put.
"""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from gridcache.codec.frames import Frames, align
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.access import AccessTable
from gridcache.store.claims import ChangedError, Reservation
from gridcache.store.disk import Head, body_checksum, head_nbytes, pack_head
from gridcache.store.eviction import get_policy
from gridcache.store.index import IndexFullError, WriteTxn
from gridcache.store.layout import INLINE_MAX, SINGLE_PHASE_MAX
from gridcache.store.namespaces import Account, Namespace, all_namespaces, load_account
from gridcache.store.outcome import MissReason
from gridcache.store.parts import Parts
from gridcache.store.records import Entry, entry_key
from gridcache.store.room import Room

__all__ = ["Order", "Writer"]

_HEADER_MAX = 512
"""Bytes of header kept in the index; a longer one lies before the body."""
_RETIRED_MAX = 32
"""Extents that may wait before a put frees them."""
_CHECK_INDEX_EVERY = 16
"""Write transactions between two looks at the index's fill."""
_TRIES = 1000
_EVICT_MOST = 8
"""Entries evicted per transaction: each dirties a handful of index pages, which
cannot be used again before the next."""
_INDEX_BATCH = 32


class _NoRoomError(Exception):
    """Private: the arena has no range long enough."""


class _OverQuotaError(Exception):
    """Private: the namespace must give first."""


class _SlotsUsedError(Exception):
    """Private: the access table must grow first."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be stored under which key."""

    space: Namespace
    key: str
    frames: Frames
    ttl_s: float | None = None
    cost_s: float = 0.0
    pinned: bool = False
    tags: tuple[str, ...] = ()
    fence: Callable[[WriteTxn], bool] | None = None
    """Asked inside the commit; False drops the put (a late leader's)."""


class Writer:
    """Puts of one process."""

    def __init__(self, parts: Parts, room: Room) -> None:
        self._parts = parts
        self._room = room
        self._on_disk = parts.superblock.on_disk
        self._crowded = False
        """A hint: the last small put found no room, so reserve first."""
        self._index_is_full = False
        """At its share: small values go to the arena."""

    # -- put ---------------------------------------------------------------

    def put(self, order: Order) -> int | None:
        """Store frames; returns the generation, None if the fence dropped it.

        Raises
        ------
        ValueTooLargeError, OutOfSpaceError
            It cannot fit. An older value of the key stays.
        """
        self._parts.claims.abort_leftover()
        key, long_key = entry_key(order.space.id, order.key)
        draft = self._draft(order, key, long_key)
        if draft.inline:
            return self._retry(order, draft, lambda: self._commit(order, key, draft))
        nbytes = draft.extent_nbytes
        self._refuse_too_large(order, nbytes)
        if nbytes <= SINGLE_PHASE_MAX and not (self._crowded or self._on_disk):
            try:
                return self._retry(
                    order, draft, lambda: self._commit(order, key, draft)
                )
            except _NoRoomError:
                self._crowded = True
        return self._put_reserved(order, key, draft)

    def _put_reserved(self, order: Order, key: bytes, draft: Entry) -> int | None:
        try:
            reservation = self.reserve(draft.extent_nbytes)
            draft = draft.moved(reservation.offset)
            checksum = self._write(key, draft, order.frames)
            return self._retry(
                order,
                draft,
                lambda: self._commit(order, key, draft, reservation, checksum),
            )
        except BaseException:
            self._parts.claims.abort_leftover()
            raise

    def _draft(self, order: Order, key: bytes, long_key: bytes) -> Entry:
        """The entry but for generation, slot and offset."""
        frames, now = order.frames, time.time()
        body_nbytes = frames.body_nbytes
        ttl_s = order.space.ttl_s if order.ttl_s is None else order.ttl_s
        small = len(frames.header) + body_nbytes <= INLINE_MAX
        inline = small and not (self._on_disk or self._index_is_full)
        fits = len(frames.header) <= _HEADER_MAX
        draft = Entry(
            generation=0,
            slot=-1,
            header=frames.header if fits else b"",
            header_nbytes=len(frames.header),
            created=int(now),
            cost_s=order.cost_s,
            viewable=frames.viewable,
            pinned=order.pinned,
            offset=-1 if inline else 0,
            body_nbytes=body_nbytes,
            lead_nbytes=0 if fits else align(len(frames.header)),
            raw_nbytes=frames.raw_nbytes or body_nbytes,
            expires=now + ttl_s if ttl_s is not None else 0.0,
            long_key=long_key,
            tags=order.tags,
            body=b"".join(_padded(frames.buffers)) if inline else b"",
        )
        if self._on_disk:
            head = head_nbytes(
                len(key), len(self._parts.books.pack(key, draft._replace(slot=0)))
            )
            draft = draft._replace(lead_nbytes=draft.lead_nbytes + head)
        return draft

    # -- commit ------------------------------------------------------------

    def _commit(
        self,
        order: Order,
        key: bytes,
        draft: Entry,
        reservation: Reservation | None = None,
        checksum: int = 0,
    ) -> int | None:
        parts, books = self._parts, self._parts.books

        def work(txn: WriteTxn) -> int | None:
            if order.fence is not None and not order.fence(txn):
                return None
            entry = draft
            if reservation is not None:
                parts.claims.settle(txn, reservation)
            elif not draft.inline:
                entry = self._write_now(txn, key, draft, order.frames)
            generation = books.new_generation(txn)
            old = books.find(txn, key)
            if old is None and self._slots_used(txn):
                raise _SlotsUsedError
            entry = entry._replace(
                generation=generation, slot=-1 if old is None else old.slot
            )
            with books.charge(txn, order.space.id) as account:
                if old is not None:
                    self._drop_old(txn, key, old, account)
                compressible = order.space.compression == "auto"
                entry = books.insert(
                    txn, key, entry, account, compressible=compressible
                )
                self._check_quota(order.space, account)
            if self._on_disk:
                self._write_head(key, entry, checksum)
            return generation

        generation = parts.index.transact(work)
        if generation is None:
            parts.claims.abort_leftover()
        else:
            parts.count(order.space.id).puts += 1
        if parts.index.writes % _CHECK_INDEX_EVERY == 0:
            self._watch_index()
        return generation

    def _slots_used(self, txn: WriteTxn) -> bool:
        if txn.state.next_slot < self._parts.access.slots:
            return False
        return txn.txn.stat(txn.tables.free_slots)["entries"] == 0

    def _write_now(
        self, txn: WriteTxn, key: bytes, draft: Entry, frames: Frames
    ) -> Entry:
        if txn.state.retired > _RETIRED_MAX:
            self.free_retired(txn)
        offset = self._room.allocate(txn, draft.extent_nbytes)
        if offset is None:
            raise _NoRoomError
        entry = draft.moved(offset)
        self._write(key, entry, frames)
        return entry

    def _drop_old(
        self, txn: WriteTxn, key: bytes, old: Entry, account: Account
    ) -> None:
        books = self._parts.books
        books.remove(txn, key, old, account, keep_slot=True)
        self.retire_extent(txn, old)

    def retire_extent(self, txn: WriteTxn, entry: Entry) -> None:
        """Unlink a removed entry's extent; on disk its head becomes invalid."""
        if entry.inline:
            return
        self._parts.books.retire(txn, entry.offset, entry.extent_nbytes)
        if self._on_disk:
            offset = entry.offset
            txn.after.append(lambda: self._parts.arena.write_one(offset, bytes(8)))

    @staticmethod
    def _check_quota(space: Namespace, account: Account) -> None:
        if (
            space.quota_nbytes is not None
            and account.stored_nbytes > space.quota_nbytes
        ):
            raise _OverQuotaError

    # -- bytes -------------------------------------------------------------

    def _write(self, key: bytes, entry: Entry, frames: Frames) -> int:
        """Write everything of an extent but the head; returns the checksum."""
        pieces = list(frames.buffers)
        if not entry.header and frames.header:
            pieces.insert(0, memoryview(frames.header))
        start = entry.offset
        if self._on_disk:
            lead = align(len(frames.header)) if not entry.header else 0
            start += entry.lead_nbytes - lead
        if len(pieces) == 1:
            self._parts.arena.write_one(start, pieces[0])
        else:
            self._parts.arena.write(start, pieces)
        return body_checksum(pieces) if self._on_disk else 0

    def _write_head(self, key: bytes, entry: Entry, checksum: int) -> None:
        head = Head(
            entry.generation,
            entry.lead_nbytes,
            entry.body_nbytes,
            checksum,
            key,
            self._parts.books.pack(key, entry),
        )
        self._parts.arena.write_one(entry.offset, pack_head(head))

    # -- room --------------------------------------------------------------

    def reserve(self, nbytes: int) -> Reservation:
        """A range of the arena, by eviction if need be.

        Raises
        ------
        OutOfSpaceError
            Pins, leases or other writers hold everything.
        """
        parts = self._parts

        def try_free(txn: WriteTxn) -> Reservation | None:
            if txn.state.retired:
                self.free_retired(txn)
            offset = self._room.allocate(txn, nbytes)
            return None if offset is None else parts.claims.simple(txn, offset, nbytes)

        for _ in range(_TRIES):
            found = parts.index.transact(try_free) if self._hopeful(nbytes) else None
            if found is not None:
                self._crowded = False
                return found
            cleared = self._clear_window(nbytes)
            if isinstance(cleared, Reservation):
                return cleared
            if not cleared and not self.reap():
                raise self._out_of_space(nbytes)
        raise self._out_of_space(nbytes)

    def _hopeful(self, nbytes: int) -> bool:
        """True unless the arena is known to have no free range long enough."""
        if not self._crowded:
            return True
        state = self._parts.index.snapshot(lambda txn: txn.state)
        return bool(state.free_nbytes >= nbytes or state.retired)

    def _clear_window(self, nbytes: int) -> Reservation | bool:
        """Evict a window; False if no namespace has one."""
        parts = self._parts
        pinned = parts.clients.pinned_offsets()
        evictor = parts.evictor
        for space in parts.index.snapshot(evictor.victims):
            pieces = parts.index.snapshot(
                lambda txn, space=space: evictor.plan(txn, space, nbytes, pinned)  # type: ignore[misc]
            )
            if pieces is not None:
                try:
                    return parts.claims.window(pieces, nbytes, "space") or True
                except ChangedError:
                    return True
        return False

    def free_retired(self, txn: WriteTxn) -> int:
        """Free unlinked extents nobody looks at; their removal is committed."""
        return self._parts.books.free_retired(txn, self._parts.clients.pinned_offsets())

    def reap(self) -> int:
        """Take over what dead clients left; returns the bytes freed."""
        parts = self._parts

        def work(txn: WriteTxn) -> int:
            for row, fd in parts.clients.dead_rows():
                parts.claims.reap(txn, row)
                parts.clients.clear_pins(row)
                txn.after.append(lambda fd=fd: os.close(fd))  # type: ignore[misc]
            return self.free_retired(txn) if txn.state.retired else 0

        first = parts.index.transact(work)
        # What was retired just now may be freed only in a later transaction.
        second = parts.index.transact(
            lambda txn: self.free_retired(txn) if txn.state.retired else 0
        )
        return first + second

    def _retry(
        self, order: Order, draft: Entry, attempt: Callable[[], int | None]
    ) -> int | None:
        for _ in range(_TRIES):
            try:
                return attempt()
            except _OverQuotaError:
                self._give_to_quota(order.space, draft)
            except _SlotsUsedError:
                self._grow_access()
            except IndexFullError:
                self._relieve_index()
        raise self._out_of_space(draft.extent_nbytes)

    def _grow_access(self) -> None:
        step = AccessTable.nbytes(AccessTable.STEP) - AccessTable.nbytes(0)
        if not self._room.make_budget(step):
            raise self._out_of_space(step)
        access = self._parts.access

        def grow(txn: WriteTxn) -> None:
            if txn.state.next_slot >= access.slots:
                access.grow(txn.state.next_slot + AccessTable.STEP)

        self._parts.index.transact(grow)

    def _give_to_quota(self, space: Namespace, draft: Entry) -> None:
        """Evict from a namespace that would exceed its quota."""
        quota = space.quota_nbytes or 0
        need = draft.stored_nbytes

        def over() -> int:
            account = self._parts.index.snapshot(
                lambda txn: load_account(txn, space.id)
            )
            return account.stored_nbytes + need - quota

        while (excess := over()) > 0:
            evicted = self.evict(space, excess, need, "quota")
            if not evicted:
                account = self._parts.index.snapshot(
                    lambda txn: load_account(txn, space.id)
                )
                raise _full_namespace(space, account, need)

    def evict(self, space: Namespace, nbytes: int, need: int, cause: str) -> int:
        """Evict some of the coldest entries of a namespace, up to `nbytes`.

        Returns the stored bytes; 0 if nothing may go.
        """
        queue = self._parts.evictor.queue(space)
        if not get_policy(space.policy).evicts:
            return 0

        def work(txn: WriteTxn) -> int:
            freed = 0
            for _ in range(_EVICT_MOST):
                candidate = queue.pop() if freed < nbytes else None
                if candidate is None:
                    break
                freed += self._evict_slot(txn, candidate.slot, need, cause)
            return freed

        return self._parts.index.transact(work)

    def _evict_slot(self, txn: WriteTxn, slot: int, need: int, cause: str) -> int:
        parts, books = self._parts, self._parts.books
        key = books.key_of(txn, slot)
        entry = books.find(txn, key) if key is not None else None
        if key is None or entry is None or entry.pinned:
            return 0
        with books.charge(txn, int.from_bytes(key[:2], "big")) as account:
            books.remove(txn, key, entry, account)
        self.retire_extent(txn, entry)
        note = parts.note_gone
        txn.after.append(lambda: note(key, MissReason.EVICTED, need, cause))
        return max(entry.stored_nbytes, 1)

    def evict_bytes(self, nbytes: int) -> int:
        """Evict that much of whoever is most over its share, a few at a time."""
        done = 0
        while done < nbytes:
            spaces = self._parts.index.snapshot(self._parts.evictor.victims)
            for space in spaces:
                freed = self.evict(space, nbytes - done, 0, "space")
                done += freed
                if freed:
                    break
            else:
                break
        return done

    # -- index -------------------------------------------------------------

    def _watch_index(self) -> None:
        """Grow the index, or evict for it, before it is full."""
        if not self._parts.index.near_full():
            return
        self._index_is_full = not self._room.grow_index()
        if self._index_is_full:
            self._evict_any(_INDEX_BATCH)

    def _relieve_index(self) -> None:
        if self._room.grow_index():
            return
        self._index_is_full = True
        if not self._evict_any(_INDEX_BATCH):
            raise self._parts.index.full_error()

    def _evict_any(self, count: int) -> int:
        """Evict entries for their index pages, a few per transaction."""
        done = 0
        for space in self._parts.index.snapshot(self._parts.evictor.victims):
            while done < count:
                freed = self.evict(space, 1, 0, "index")
                if not freed:
                    break
                done += 1
        return done

    # -- ends --------------------------------------------------------------

    def _refuse_too_large(self, order: Order, nbytes: int) -> None:
        if nbytes <= SINGLE_PHASE_MAX and order.space.quota_nbytes is None:
            return
        limit = self._room.largest_value_nbytes()
        quota = order.space.quota_nbytes
        if quota is not None and quota < limit:
            limit = quota
        if nbytes > limit:
            message = (
                f"the value for {order.key!r} takes {nbytes} bytes, at most {limit} "
                f"fit; enlarge the store (resize) or the quota, or do not cache it"
            )
            raise ValueTooLargeError(message, nbytes=nbytes, limit=limit)

    def _out_of_space(self, nbytes: int) -> OutOfSpaceError:
        if self._room.shortage is not None:
            return self._room.shortage
        parts = self._parts

        def sizes(txn: WriteTxn) -> tuple[int, int]:
            accounts = [load_account(txn, space.id) for space in all_namespaces(txn)]
            return txn.state.capacity_nbytes, sum(a.pinned_nbytes for a in accounts)

        capacity, pinned = parts.index.snapshot(sizes)
        leased = sum(len(row.pins) for row in parts.clients.read())
        message = (
            f"no room for {nbytes} bytes: of {capacity} bytes {pinned} are pinned and "
            f"{leased} extents are being viewed; unpin or delete keys, drop views, or "
            f"resize the store"
        )
        return OutOfSpaceError(
            message, nbytes=nbytes, capacity=capacity, pinned=pinned, leased=leased
        )


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


def _padded(buffers: tuple[memoryview, ...]) -> list[bytes]:
    last = len(buffers) - 1
    return [
        bytes(buffer).ljust(align(buffer.nbytes) if number < last else 0, b"\0")
        for number, buffer in enumerate(buffers)
    ]
