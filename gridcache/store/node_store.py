"""NodeStore: one machine's memory, as one process holds it.

Composes the parts and offers what a cache needs: put, get, delete, pin, touch,
listing, statistics, verification. No Ray, no codec: frames in, frames out. The
same store in every process of the machine, with no server.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from gridcache.errors import ClosedError, GridCacheError
from gridcache.store import marks, recovery
from gridcache.store.blocks import Blocks
from gridcache.store.check import check_store
from gridcache.store.coldest import Coldest
from gridcache.store.compressor import Compressor
from gridcache.store.durability import amend_extent
from gridcache.store.entries import Extent
from gridcache.store.flights import Flights
from gridcache.store.housekeeping import Housekeeper
from gridcache.store.index import IndexFullError
from gridcache.store.inspector import Inspector
from gridcache.store.leases import LeaseBook
from gridcache.store.listing import BATCH, entries_of, keys_of, some_entries
from gridcache.store.namespaces import (
    Namespace,
    add_namespace,
    all_namespaces,
    find_namespace,
)
from gridcache.store.outcome import (
    CheckReport,
    EntryInfo,
    Hit,
    Miss,
    MissReason,
    StoreStats,
)
from gridcache.store.parts import Parts
from gridcache.store.reader import Reader
from gridcache.store.records import Entry, Stamp, entry_key
from gridcache.store.relief import Relief
from gridcache.store.remover import Guard, Remover
from gridcache.store.statistics import merge_counters
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order, Writer

__all__ = ["NodeStore"]

T = TypeVar("T")

_EXPIRY_S = 0.05
"""Of each second at most spent on entries that are due."""
_LEASE_SHARE = 2
"""Views of one process may hold half of the capacity."""


class NodeStore:
    """An open store. Made by `gridcache.store.opening.open_store`."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._leases = LeaseBook(parts.superblock.capacity_nbytes // _LEASE_SHARE)
        self._reader = Reader(parts, self._leases)
        self._relief = Relief(parts)
        self._writer = Writer(parts, self._relief)
        self._compressor = Compressor(parts, self._relief, self._reader, self._writer)
        self.cold = Coldest(parts, self._relief, self._compressor)
        self.inspector = Inspector(parts, self._reader)
        self.flights = Flights(parts, self._relief)
        self._remover = Remover(parts, self._relief, self.flights.void)
        self.blocks = Blocks(parts, self._relief)
        self._housekeeper: Housekeeper | None = Housekeeper(self)
        self._closed = False
        self.closing: list[Callable[[], None]] = []
        """Called when it closes: what goes with it."""
        self.beside: dict[str, Any] = {}
        """What others keep as long as it is open, by their own names."""
        self._reader.forget = self._remover.forget_damaged
        self._relief.room.keep_bound()
        self.get = self._reader.get
        self.is_current = self._reader.is_current

    # -- what it is --------------------------------------------------------

    @property
    def directory(self) -> Path:
        """Where the store lies."""
        return self._parts.directory

    @property
    def capacity_nbytes(self) -> int:
        """The bound on the whole directory."""
        return self._parts.index.state().capacity_nbytes

    @property
    def on_disk(self) -> bool:
        """True if it survives a reboot."""
        return self._parts.superblock.on_disk

    @property
    def durable(self) -> bool:
        """True if an acknowledged put survives a power loss."""
        return self._parts.superblock.durable

    # -- namespaces --------------------------------------------------------

    def namespace(self, wanted: Namespace) -> Namespace:
        """The namespace of that name, made with these settings if it is new."""

        def find_or_add(txn: WriteTxn) -> Namespace:
            found = find_namespace(txn, wanted.name)
            return found or self._add_namespace(txn, wanted)

        found = self._parts.index.snapshot(lambda txn: find_namespace(txn, wanted.name))
        return found or self._relief.index.transact(find_or_add)

    def change_namespace(self, changed: Namespace) -> Namespace:
        """Replace the settings of a namespace that exists."""
        return self._relief.index.transact(
            lambda txn: self._add_namespace(txn, changed)
        )

    def _add_namespace(self, txn: WriteTxn, wanted: Namespace) -> Namespace:
        added = add_namespace(txn, wanted)
        if self.on_disk:
            marks.save_namespaces(self.directory, all_namespaces(txn))
        return added

    def namespaces(self) -> list[Namespace]:
        """All of them, by name."""
        return self._parts.index.snapshot(lambda txn: list(all_namespaces(txn)))

    # -- entries -----------------------------------------------------------

    def put(self, order: Order) -> int | None:
        """Store frames under a key; see `Writer.put`."""
        if order.space.compression == "auto":
            self._compressor.make_headroom(order.frames.body_nbytes)
        generation = self._writer.put(order)
        self._acknowledge()
        return generation

    def look_up(self, space: Namespace, key: str, *, view: bool = True) -> Hit | Miss:
        """The frames of a key."""
        return self._reader.get(*entry_key(space.id, key), view=view)

    def find(self, space: Namespace, key: str) -> Entry | Miss:
        """The entry of a key, uncounted."""
        return self._reader.find(*entry_key(space.id, key))

    def find_many(self, space: Namespace, keys: Iterable[str]) -> list[Entry | None]:
        """The entries of keys, None where there is none; uncounted."""
        return self._reader.find_many([entry_key(space.id, key) for key in keys])

    def delete(
        self, space: Namespace, keys: list[str], guard: Guard | None = None
    ) -> int:
        """Delete keys, those that the guard lets go; returns how many were there."""
        done = 0
        for start in range(0, len(keys), BATCH):
            batch = [entry_key(space.id, key) for key in keys[start : start + BATCH]]
            done += self._remover.remove(batch, MissReason.DELETED, guard)
        self._acknowledge()
        self._parts.count(space.id).deletes += done
        return done

    def forget_corrupt(self, space: Namespace, key: str, generation: int) -> None:
        """Remove an entry whose bytes are damaged, if it is still that one."""
        self._remover.forget_corrupt(entry_key(space.id, key)[0], generation)

    def change(
        self,
        space: Namespace,
        key: str,
        *,
        pinned: bool | None = None,
        ttl_s: float | None = None,
        forever: bool = False,
    ) -> bool:
        """Pin, unpin or renew an entry; False if the key is not there."""
        books, now = self._parts.books, time.time()
        entry_id, long_key = entry_key(space.id, key)

        def work(txn: WriteTxn) -> bool:
            old = books.find(txn, entry_id)
            if old is None or old.long_key != long_key or 0.0 < old.expires <= now:
                return False
            expires = now + ttl_s if ttl_s is not None else old.expires
            new = replace(
                old,
                pinned=old.pinned if pinned is None else pinned,
                expires=0.0 if forever else expires,
            )
            with books.charge(txn, space.id) as account:
                books.rewrite(txn, entry_id, old, new, account)
            if self.on_disk:
                txn.after.append(lambda: amend_extent(self._parts.arena, new))
            return True

        changed = self._relief.index.transact(work)
        self._acknowledge()
        return changed

    def restamp(
        self, space: Namespace, key: str, generation: int, stamp: Stamp
    ) -> bool:
        """Give an entry another stamp, if it is still that one; False if not."""
        entry_id, _ = entry_key(space.id, key)
        books = self._parts.books

        def work(txn: WriteTxn) -> bool:
            old = books.find(txn, entry_id)
            if old is None or old.generation != generation:
                return False
            new = replace(old, stamp=stamp)
            with books.charge(txn, space.id) as account:
                books.rewrite(txn, entry_id, old, new, account)
            if self.on_disk:
                txn.after.append(lambda: amend_extent(self._parts.arena, new))
            return True

        return self._relief.index.transact(work)

    def clear(self, space: Namespace, tag: str | None = None) -> int:
        """Delete all entries of a namespace, or those with a tag."""
        if tag is None:
            self.flights.void_all(space)
        parts, done = self._parts, 0
        while keys := some_entries(parts.index, parts.books, space, tag):
            done += self._remover.remove(keys, MissReason.DELETED)
        self._acknowledge()
        parts.count(space.id).deletes += done
        return done

    def keys(self, space: Namespace, prefix: str = "") -> Iterator[str]:
        """Text keys that begin with a prefix, by the order of their UTF-8."""
        return keys_of(self._parts.index, self._parts.books, space, prefix)

    def resize(self, capacity_nbytes: int) -> None:
        """Change the capacity; see `Room.resize`."""
        self._relief.room.resize(capacity_nbytes)
        self._leases.cap_nbytes = capacity_nbytes // _LEASE_SHARE

    # -- looking -----------------------------------------------------------

    def info(self, space: Namespace, key: str) -> EntryInfo | None:
        """One entry, as stored."""
        return self.inspector.info(space, key)

    def stats(self) -> StoreStats:
        """Sizes and counters over all processes."""
        self._flush_counters()
        return self.inspector.stats()

    def check(self) -> CheckReport:
        """Verify the whole store."""
        self.blocks.reap_dead()
        self._relief.leftovers.reap()
        return check_store(self._parts)

    # -- for the nodes of a grid -------------------------------------------

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """Run a write transaction; may run twice, what it raises undoes it."""
        return self._relief.index.transact(work)

    def snapshot(self, work: Callable[[WriteTxn], T]) -> T:
        """Run a read transaction; keep it to microseconds."""
        return self._parts.index.snapshot(work)

    def entry_in(self, txn: WriteTxn, key: bytes) -> Entry | None:
        """The entry of an entry key as of a transaction, due or not."""
        return self._parts.books.find(txn, key)

    def entries(
        self, space: Namespace, prefix: str = "", after: str = ""
    ) -> Iterator[tuple[str, Entry]]:
        """Entries by text key, in short steps; only those behind `after`."""
        return entries_of(self._parts.index, self._parts.books, space, prefix, after)

    def forget_stale(self, keys: list[tuple[bytes, bytes]], guard: Guard) -> int:
        """Remove entries that nobody can read any more, those that the guard lets go.

        Each as entry key and whole key, if long; as if it had been evicted before.
        """
        return self._remover.remove(keys, MissReason.EVICTED, guard)

    def extents(self) -> list[Extent]:
        """Live extents, by offset."""
        books = self._parts.books
        return self._parts.index.snapshot(lambda txn: list(books.extents(txn)))

    # -- upkeep ------------------------------------------------------------

    def tidy(self) -> None:
        """One round of housekeeping."""
        parts = self._parts
        parts.row.beat()
        parts.index.drop_dead_readers()
        self.blocks.tidy()
        while self._leases.ended:
            with suppress(IndexError):
                parts.arena.forget(*self._leases.ended.popleft())
        if self._has_work():
            self._relief.leftovers.reap()
        self._relief.room.keep_bound()
        self._expire()
        self.flights.tidy()
        self._flush_counters()

    def _has_work(self) -> bool:
        parts = self._parts
        if parts.index.state().retired:
            return True
        dead = list(parts.clients.dead_rows())
        for _, fd in dead:
            os.close(fd)
        return bool(dead)

    def _expire(self) -> None:
        until = time.monotonic() + _EXPIRY_S
        while due := self.inspector.expired_keys(time.time(), BATCH):
            self._remover.remove(due, MissReason.EXPIRED)
            if len(due) < BATCH or time.monotonic() > until:
                return

    def _flush_counters(self) -> None:
        pending = self._parts.counters
        if pending:
            self._parts.counters = {}
            self._relief.index.transact(lambda txn: merge_counters(txn, pending))

    def _acknowledge(self) -> None:
        """In a durable store, wait for a sync of what was just committed."""
        if self.durable:
            self._parts.retirement.commits.acknowledge()

    def batch(self) -> AbstractContextManager[None]:
        """One sync for this thread's puts and deletes, at the block's end."""
        return self._parts.retirement.commits.batch()

    # -- life --------------------------------------------------------------

    def before_fork(self) -> None:
        """Hold transactions off and let a row keep the leases for the child."""
        self._child_row = self._parts.clients.claim()
        self._reap_row(self._child_row.row)
        self._parts.index.before_fork()
        self._parts.row.copy_pins_to(self._child_row)

    def _reap_row(self, row: int) -> None:
        """Free what a dead client left under a row that is taken again."""
        index, claims = self._parts.index, self._parts.claims
        with suppress(GridCacheError, IndexFullError):  # a fork must go on
            if index.snapshot(lambda txn: claims.has_reserved(txn, row)):
                index.transact(lambda txn: claims.reap(txn, row))

    def after_fork_in_parent(self) -> None:
        """The child holds its row alone from here on."""
        os.close(self._child_row.lock_fd)
        self._parts.index.after_fork_in_parent()

    def after_fork_in_child(self) -> None:
        """Go on under the row made for it, never unlocking what is inherited."""
        parts = self._parts
        os.close(parts.row.lock_fd)
        parts.row.adopt_from(self._child_row)
        parts.row.introduce()
        parts.claims.row = parts.row.row
        parts.claims.forget_all()
        parts.index.after_fork_in_child()
        parts.counters.clear()
        self.blocks.after_fork_in_child()
        parts.retirement.commits.after_fork()
        self.flights.after_fork_in_child()
        self._housekeeper = Housekeeper(self)

    def close(self) -> None:
        """Release everything but what live views hold; idempotent."""
        if self._closed:
            return
        self._closed = True
        for close in self.closing:
            close()
        if self._housekeeper is not None:
            self._housekeeper.stop()
        self.flights.close()
        with suppress(ClosedError):
            self.blocks.flush()
            self._flush_counters()
        parts = self._parts
        with recovery.leaving(parts):
            parts.index.close()
        parts.row.leave()
        parts.access.close()
        parts.clients.close()
        parts.arena.close()
