"""Check the whole store against its contracts.

Verifies in one snapshot that extents tile the arena exactly, that every entry's
extent is live and is its own, that slots and entries name each other, that the
accounts balance, that tags and expiries list just the entries that have them,
that reservations belong to living processes and leases to extents that exist.
"""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from struct import Struct

from gridcache.codec.frames import ALIGNMENT
from gridcache.errors import CorruptFramesError
from gridcache.store.allocator import free_ranges
from gridcache.store.block_numbers import is_counted
from gridcache.store.block_pools import all_pools
from gridcache.store.block_records import (
    ACCOUNT,
    FIXED,
    NO_POOL,
    all_blocks,
    moving_blocks,
    next_number,
)
from gridcache.store.clients import Clients
from gridcache.store.entries import Books, expiry_key, tag_key
from gridcache.store.files import allocated_nbytes
from gridcache.store.namespaces import Account, all_namespaces, load_account
from gridcache.store.outcome import CheckReport
from gridcache.store.parts import Parts
from gridcache.store.records import Entry
from gridcache.store.transaction import WriteTxn

__all__ = ["check_index", "check_store"]

_RESERVED = Struct(">IQ")
_SLOT = Struct("=I")
_BE = Struct(">QQ")


def check_store(parts: Parts) -> CheckReport:
    """Look at everything; changes nothing."""
    check = _Check(parts.books)
    parts.index.snapshot(check.run)
    check.look_at_clients(parts.clients)
    check.look_at_files(parts.directory)
    return CheckReport(tuple(check.problems), check.entries, len(check.ranges))


def check_index(books: Books, txn: WriteTxn) -> list[str]:
    """What is wrong with the tables alone, as of one transaction."""
    check = _Check(books)
    check.run(txn)
    return check.problems


class _Check:
    def __init__(self, books: Books) -> None:
        self._books = books
        self.problems: list[str] = []
        self.entries = 0
        self.ranges: list[tuple[int, int, str]] = []
        self._slots: dict[int, bytes] = {}
        self._extents: dict[int, tuple[int, int]] = {}
        self._reserved_rows: set[int] = set()
        self._due: set[tuple[bytes, bytes]] = set()
        self._tagged: set[tuple[bytes, bytes]] = set()

    def _say(self, problem: str) -> None:
        self.problems.append(problem)

    def run(self, txn: WriteTxn) -> None:
        """Everything in the index."""
        self._collect_ranges(txn)
        self._look_at_tiling(txn)
        self._look_at_free_tables(txn)
        self._look_at_entries(txn)
        self._look_at_slots(txn)
        self._look_at_lists(txn)
        self._look_at_blocks(txn)
        self._state = txn.state

    def _collect_ranges(self, txn: WriteTxn) -> None:
        books = self._books
        for extent in books.extents(txn):
            self._extents[extent.offset] = (extent.nbytes, extent.slot)
            self.ranges.append((extent.offset, extent.nbytes, "live"))
        for _, block in all_blocks(txn):
            self.ranges.append((block.offset, block.extent_nbytes, "block"))
        self.ranges += [(*free, "free") for free in free_ranges(txn)]
        self.ranges += [(*retired, "retired") for retired in books.retired(txn)]
        if txn.state.retired != len(books.retired(txn)):
            self._say(f"state counts {txn.state.retired} retired extents")
        with txn.txn.cursor(txn.tables.reserved) as cursor:
            for key, value in cursor:
                row, offset = _RESERVED.unpack(key)
                self._reserved_rows.add(row)
                nbytes = int.from_bytes(value[:8], "little")
                self.ranges.append((offset, nbytes, "reserved"))

    def _look_at_tiling(self, txn: WriteTxn) -> None:
        end = 0
        for offset, nbytes, kind in sorted(self.ranges):
            if offset != end:
                word = "overlap" if offset < end else "hole"
                self._say(f"{word} between {end} and {offset} ({kind})")
            if nbytes <= 0 or (offset | nbytes) % ALIGNMENT:
                self._say(f"{kind} range {offset}+{nbytes} is not aligned")
            end = max(end, offset + nbytes)
        if end != txn.state.top:
            self._say(f"ranges end at {end}, the top is {txn.state.top}")
        if txn.state.top > txn.state.arena_nbytes:
            self._say(f"the top {txn.state.top} is beyond the arena's end")

    def _look_at_free_tables(self, txn: WriteTxn) -> None:
        by_offset = set(free_ranges(txn))
        with txn.txn.cursor(txn.tables.free_by_size) as cursor:
            by_size = {_BE.unpack(key)[::-1] for key in cursor.iternext(values=False)}
        if by_offset != by_size:
            self._say(f"free tables differ: {sorted(by_offset ^ by_size)[:4]}")
        total = sum(nbytes for _, nbytes in by_offset)
        if total != txn.state.free_nbytes:
            self._say(f"{total} bytes are free, the state says {txn.state.free_nbytes}")

    def _look_at_entries(self, txn: WriteTxn) -> None:
        sums: dict[int, Account] = {}
        for key, entry in self._all_entries(txn):
            self.entries += 1
            if entry.slot in self._slots:
                self._say(f"slot {entry.slot} has two entries")
            self._slots[entry.slot] = key
            if entry.generation > txn.state.generation:
                self._say(f"{key!r} has generation {entry.generation} of the future")
            self._look_at_extent(key, entry)
            self._list(key, entry)
            account = sums.setdefault(int.from_bytes(key[:2], "big"), Account())
            _add(account, entry)
        for offset, (_, slot) in self._extents.items():
            self._say(f"extent {offset} belongs to no entry (slot {slot})")
        for space in all_namespaces(txn):
            said, found = load_account(txn, space.id), sums.pop(space.id, Account())
            if said != found:
                self._say(f"account of {space.name!r}: {said}, found {found}")
        for number in sums:
            self._say(f"entries of namespace {number}, which does not exist")

    def _all_entries(self, txn: WriteTxn) -> Iterator[tuple[bytes, Entry]]:
        with txn.txn.cursor(txn.tables.entries) as cursor:
            for key, record in cursor:
                try:
                    yield key, self._books.unpack(key, record)
                except CorruptFramesError as error:
                    self._say(f"{key!r}: {error}")

    def _look_at_extent(self, key: bytes, entry: Entry) -> None:
        if entry.inline:
            return
        expected = (entry.extent_nbytes, entry.slot)
        found = self._extents.pop(entry.offset, None)
        if found != expected:
            self._say(f"{key!r}: extent {entry.offset} is {found}, not {expected}")

    def _look_at_slots(self, txn: WriteTxn) -> None:
        with txn.txn.cursor(txn.tables.slots) as cursor:
            slots = {_SLOT.unpack(number)[0]: key for number, key in cursor}
        if slots != self._slots:
            odd = Counter([*slots.items()]) - Counter([*self._slots.items()])
            self._say(f"slots and entries differ: {list(odd)[:4]}")
        with txn.txn.cursor(txn.tables.free_slots) as cursor:
            free = {_SLOT.unpack(key)[0] for key in cursor.iternext(values=False)}
        if len(free) != txn.state.free_slots:
            self._say(f"{len(free)} slots are free, not {txn.state.free_slots}")
        if free & slots.keys() or len(free) + len(slots) != txn.state.next_slot:
            self._say(
                f"{len(slots)} used and {len(free)} free slots of {txn.state.next_slot}"
            )

    def _list(self, key: bytes, entry: Entry) -> None:
        if entry.expires:
            self._due.add((expiry_key(key, entry.expires), key))
        number = int.from_bytes(key[:2], "big")
        self._tagged.update((tag_key(number, tag), key) for tag in entry.tags)

    def _look_at_lists(self, txn: WriteTxn) -> None:
        lists = (
            ("expiries", txn.tables.expiries, self._due),
            ("tags", txn.tables.tags, self._tagged),
        )
        for name, table, wanted in lists:
            with txn.txn.cursor(table) as cursor:
                found = list(cursor)
            odd = wanted.symmetric_difference(found)
            if odd or len(found) != len(wanted):
                self._say(f"{name} and entries differ: {sorted(odd)[:4]}")

    def _look_at_blocks(self, txn: WriteTxn) -> None:
        found, pools, last = Account(), Counter[int](), -1
        for number, block in all_blocks(txn):
            last = number if is_counted(number) else last
            found.entries += 1
            found.raw_nbytes += block.nbytes
            found.stored_nbytes += block.extent_nbytes
            pools[block.pool] += block.pool != NO_POOL
        said = load_account(txn, ACCOUNT)
        if said != found:
            self._say(f"account of the blocks: {said}, found {found}")
        known = Counter({number: pool.blocks for number, pool in all_pools(txn)})
        if known != pools:  # counters compare a zero like nothing
            self._say(f"blocks of pools: {known}, found {pools}")
        moving = {number for number, block in all_blocks(txn) if block.flags & ~FIXED}
        if moving != {number for number, _ in moving_blocks(txn)}:
            self._say(f"blocks on their way: {sorted(moving)}")
        if last >= next_number(txn):
            self._say(f"block {last} has a number of the future")

    def look_at_files(self, directory: Path) -> None:
        """Lengths, while others may be growing them."""
        state = self._state
        arena, index = directory / "arena", directory / "data.mdb"
        if arena.stat().st_size < state.arena_nbytes:
            self._say(f"the arena's file is shorter than {state.arena_nbytes} bytes")
        if index.stat().st_size > state.index_nbytes:
            self._say(f"the index's file is longer than {state.index_nbytes} bytes")
        total = allocated_nbytes(directory)
        if total > state.capacity_nbytes:
            self._say(f"the files have {total} bytes of {state.capacity_nbytes}")

    def look_at_clients(self, clients: Clients) -> None:
        """Reservations and leases, which live outside the snapshot."""
        for row in sorted(self._reserved_rows):
            if not clients.alive(row):
                self._say(f"reservation of the dead client in row {row}")
        known = {offset for offset, _, kind in self.ranges if kind != "free"}
        for lease in clients.pinned_offsets() - known:
            self._say(f"a lease on {lease}, where nothing is")


def _add(account: Account, entry: Entry) -> None:
    account.entries += 1
    account.raw_nbytes += entry.raw_nbytes or len(entry.body)
    account.stored_nbytes += entry.stored_nbytes
    if entry.pinned:
        account.pinned_nbytes += entry.stored_nbytes
