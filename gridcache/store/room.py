"""Room: the capacity of a store, and how its files share it.

The bound is on the whole directory. Arena and index grow in steps; when they
meet, the index takes from the arena's tail, which is emptied first. Everything
here keeps `arena + index + other files <= capacity` at every instant: what
shrinks does so before what grows.
"""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from gridcache.codec.frames import ALIGNMENT
from gridcache.errors import ConfigError, OutOfSpaceError
from gridcache.store.allocator import allocate, free, last_free, take
from gridcache.store.block_records import blocks_end
from gridcache.store.claims import CannotMoveError, ChangedError
from gridcache.store.clients import ROW_NBYTES
from gridcache.store.files import PAGE
from gridcache.store.layout import MINIMUM_CAPACITY, Superblock, write_superblock
from gridcache.store.parts import Parts
from gridcache.store.state import State
from gridcache.store.transaction import WriteTxn
from gridcache.store.window import Piece

__all__ = ["Room", "arena_step", "check_capacity", "index_step"]

_INDEX_SHARE = 0.4
"""Of the capacity at most: an arena entry of 1 KiB needs a fifth, a tiny one
more index than arena."""
_COUNTED = {"arena", "data.mdb"}
"""Files whose lengths are in the state."""
_SPARE_ROWS = 8
"""Clients that may join before the arena must give way."""
_AHEAD = 1.05
"""How much more than in proportion the index grows: pages fill unevenly."""
_TAIL_PIECES = 8
"""Per transaction: each dirties a handful of index pages, and the index may be
why the tail must go."""
_TAIL_TRIES = 100_000
_BLOCKS_SPARE = 4
"""A sixteenth of the capacity is kept from memory blocks, at the arena's end,
where index, access table and clients take what they need."""
_MORE = 2
"""Times the size of what found no place is evicted for it elsewhere."""


def arena_step(capacity_nbytes: int) -> int:
    """Bytes by which the arena grows."""
    return min(max(capacity_nbytes >> 6, 64 << 10), 64 << 20) & -PAGE


def index_step(capacity_nbytes: int) -> int:
    """Bytes by which the index grows."""
    return min(max(capacity_nbytes >> 6, 512 << 10), 32 << 20) & -PAGE


def check_capacity(capacity_nbytes: int, directory: Path) -> None:
    """Raise `ConfigError` if no store below a directory can be so large."""
    if capacity_nbytes < MINIMUM_CAPACITY:
        message = (
            f"a capacity of {capacity_nbytes} bytes is too small; the least is "
            f"{MINIMUM_CAPACITY} (4MiB)"
        )
        raise ConfigError(message, capacity=capacity_nbytes)
    parent = next(path for path in directory.parents if path.exists())
    stats = os.statvfs(parent)
    total = stats.f_blocks * stats.f_frsize
    if capacity_nbytes > total:
        message = (
            f"a capacity of {capacity_nbytes} bytes is more than the {total} bytes of "
            f"the file system of {parent}; give less, or another path="
        )
        raise ConfigError(message, capacity=capacity_nbytes, total=total)


class Room:
    """Growth and shrinking of one store's files."""

    def __init__(
        self,
        parts: Parts,
        reap: Callable[[], int],
        evict: Callable[[int], int],
    ) -> None:
        self._parts = parts
        self._reap = reap
        self._evict = evict
        parts.claims.extend = self.extend_to
        self._overhead_floor = 0
        """As last seen; the other files only ever grow."""
        self.shortage: OutOfSpaceError | None = None
        """Why the file system refused the last growth."""

    def overhead_nbytes(self) -> int:
        """Bytes of the files beside arena and index."""
        total = PAGE + _SPARE_ROWS * ROW_NBYTES
        with os.scandir(self._parts.directory) as files:
            for file in files:
                if file.name not in _COUNTED:
                    with suppress(FileNotFoundError):  # a draft, renamed meanwhile
                        total += file.stat().st_size
        self._overhead_floor = total
        return total

    def arena_limit(self, capacity: int, index_nbytes: int) -> int:
        """The arena's greatest length beside an index."""
        return (capacity - index_nbytes - self.overhead_nbytes()) & -PAGE

    def _state_and_limit(self) -> tuple[State, int]:
        """The counters, and the arena's greatest length with them."""
        state = self._parts.index.state()
        return state, self.arena_limit(state.capacity_nbytes, state.index_nbytes)

    def _at_most(self, state: State) -> int:
        """The arena's limit by the other files as last seen, which only grow."""
        room = state.capacity_nbytes - state.index_nbytes - self._overhead_floor
        return room & -PAGE

    def largest_value_nbytes(self) -> int:
        """Bytes no reservation can exceed, however much is evicted."""
        return self._state_and_limit()[1]

    def blocks_limit(self, state: State) -> int:
        """The offset that no memory block may pass: they cannot move."""
        spare = state.capacity_nbytes >> _BLOCKS_SPARE
        return max(self._at_most(state) - spare, 0) & -ALIGNMENT

    # -- arena -------------------------------------------------------------

    def allocate(
        self, txn: WriteTxn, nbytes: int, limit: int = sys.maxsize
    ) -> int | None:
        """Allocate below an offset, growing the arena within its own limit."""
        offset = allocate(txn, nbytes, limit)
        if offset is None:
            self._merge_with_unused(txn)
            if txn.state.top + nbytes <= limit and self._extend(txn, nbytes):
                offset = allocate(txn, nbytes, limit)
        return offset

    @staticmethod
    def _merge_with_unused(txn: WriteTxn) -> None:
        """Let a free range that ends at the top count as never used again."""
        last = last_free(txn)
        if last is not None and sum(last) == txn.state.top:
            take(txn, *last)
            txn.state.top = last[0]

    def _extend(self, txn: WriteTxn, nbytes: int) -> bool:
        return self.extend_to(txn, txn.state.top + nbytes)

    def extend_to(self, txn: WriteTxn, wanted: int) -> bool:
        """Make the arena reach an offset; False beyond its limit."""
        state = txn.state
        if wanted <= state.arena_nbytes:
            return True
        if wanted > self._at_most(state):
            return False  # the usual case at capacity, without asking the files
        limit = self.arena_limit(state.capacity_nbytes, state.index_nbytes)
        if wanted > limit:
            return False
        target = max(state.arena_nbytes + arena_step(state.capacity_nbytes), wanted)
        target = min((target + PAGE - 1) & -PAGE, limit)
        try:
            self._parts.arena.reserve(target)
        except OutOfSpaceError as error:
            self.shortage = error
            return False
        self.shortage = None
        state.arena_nbytes = target
        return True

    def index_lags(self) -> bool:
        """True if the index would be too small once the arena is full.

        It grows ahead, in proportion, while the arena still does: later its
        pages must be taken from the arena's tail, which costs entries.
        """
        state, limit = self._state_and_limit()
        if not 0 < state.top < limit:
            return False
        used = self._parts.index.used_nbytes() * _AHEAD
        share = used / (used + state.top)
        wanted = min(share, _INDEX_SHARE) * state.capacity_nbytes
        return wanted > state.index_nbytes

    def unused(self) -> tuple[int, int] | None:
        """(offset, nbytes) above the top that the arena could still take."""
        state = self._parts.index.state()
        if max(self._at_most(state), state.arena_nbytes) & -ALIGNMENT <= state.top:
            return None  # without asking the files
        limit = self.arena_limit(state.capacity_nbytes, state.index_nbytes)
        limit = max(limit, state.arena_nbytes) & -ALIGNMENT
        return (state.top, limit - state.top) if limit > state.top else None

    def shrink_arena(self, target: int) -> bool:
        """Empty and cut the arena's tail; False if leases or pins hold it.

        What finds a place below moves there, the rest is evicted whatever its
        heat: a few pieces at a time, so that the index needs no room for it.
        Nothing moves in vain: with a memory block in the tail it is False at once.
        """
        if self._parts.index.snapshot(lambda txn: blocks_end(txn) > target):
            return False
        for _ in range(_TAIL_TRIES):
            if self._parts.index.transact(lambda txn: self._cut(txn, target)):
                return True
            if not self._clear_tail(target) and not self._reap():
                return False
        return False

    def _cut(self, txn: WriteTxn, target: int) -> bool:
        state = txn.state
        if state.top > target and not self._lower_top(txn, target):
            return False
        if state.arena_nbytes > target:
            state.arena_nbytes = target
            txn.after.append(lambda: self._parts.arena.truncate(target))
        return True

    @staticmethod
    def _lower_top(txn: WriteTxn, target: int) -> bool:
        """Drop a free range that ends at the top. True if that was enough."""
        last = last_free(txn)
        if last is None or sum(last) != txn.state.top:
            return False
        offset, nbytes = last
        taken = max(offset, target)
        _take_part(txn, offset, nbytes, taken)
        txn.state.top = taken
        return taken <= target

    def _clear_tail(self, target: int) -> bool:
        """Clear some of what lies past `target`, from the end down."""
        pieces = self._parts.index.snapshot(lambda txn: self._tail(txn, target))
        if not pieces:
            return False
        try:
            claimed = self._parts.claims.window(
                pieces, pieces[0].nbytes, "space", keep_out=range(target, sys.maxsize)
            )
        except ChangedError:
            return True
        except CannotMoveError as stuck:
            return self._evict(_MORE * stuck.nbytes) > 0
        if claimed is not None:
            self._parts.claims.give_back(claimed.parts)
        self._reap()
        return claimed is not None

    def _tail(self, txn: WriteTxn, target: int) -> list[Piece]:
        start = max(txn.state.top - (_TAIL_PIECES * PAGE), target)
        begin = self._parts.books.extent_before(txn, start)
        live = [
            Piece(extent.offset, extent.nbytes, extent.slot, move=True)
            for extent in self._parts.books.extents(txn, begin)
            if extent.offset + extent.nbytes > target
        ]
        return live[-_TAIL_PIECES:]

    # -- index -------------------------------------------------------------

    def grow_index(self) -> bool:
        """Give the index one more step; False at its share or if it is stuck."""
        state = self._parts.index.state()
        capacity = state.capacity_nbytes
        wanted = self._parts.index.nbytes + index_step(capacity)
        if wanted > capacity * _INDEX_SHARE:
            return False
        limit = self.arena_limit(capacity, wanted)
        if state.arena_nbytes > limit and not self.shrink_arena(limit):
            return False

        def announce(txn: WriteTxn) -> None:
            self._trim(txn)
            # Another process may have gone further since the file was looked at.
            txn.state.index_nbytes = max(txn.state.index_nbytes, wanted)

        self._parts.index.transact(announce)  # before: nobody may grow the arena
        try:
            self._parts.index.grow(wanted)
        except OutOfSpaceError as error:
            self.shortage = error
            return False
        return True

    # -- other files -------------------------------------------------------

    def make_budget(self, nbytes: int) -> bool:
        """See to `nbytes` more for the other files, at the arena's cost."""
        state, limit = self._state_and_limit()
        limit -= nbytes
        return state.arena_nbytes <= limit or self.shrink_arena(limit & -PAGE)

    def keep_bound(self) -> None:
        """Give way to clients that joined: their rows take from the spare."""
        state, limit = self._state_and_limit()
        if state.arena_nbytes > limit:
            self.shrink_arena(limit)
        if self._parts.arena.nbytes > state.arena_nbytes:
            self._parts.index.transact(self._trim)

    def _trim(self, txn: WriteTxn) -> None:
        """Cut what an interrupted growth or a killed shrinking left behind.

        Nobody grows the arena's file but inside a transaction like this one.
        """
        if self._parts.arena.nbytes > txn.state.arena_nbytes:
            self._parts.arena.truncate(txn.state.arena_nbytes)

    # -- capacity ----------------------------------------------------------

    def resize(self, capacity: int) -> None:
        """Change the capacity; shrinking evicts.

        Raises
        ------
        ConfigError
            Too small, or more than the file system has.
        OutOfSpaceError
            Index, pins or leases need more; the old capacity stays.
        """
        check_capacity(capacity, self._parts.directory)
        state = self._parts.index.state()
        before = state.capacity_nbytes
        limit = self.arena_limit(capacity, state.index_nbytes)
        try:
            self._set_capacity(capacity)
            fits = limit >= PAGE and (
                state.arena_nbytes <= limit or self.shrink_arena(limit)
            )
        except BaseException:
            self._set_capacity(before)
            raise
        if not fits:
            self._set_capacity(before)
            floor = state.index_nbytes + self.overhead_nbytes()
            message = (
                f"cannot shrink to {capacity} bytes: the index takes {floor} and pins "
                f"or leases hold the rest; unpin or delete keys, drop views, retry"
            )
            raise OutOfSpaceError(message, capacity=capacity, index=floor)
        old = self._parts.superblock
        block = Superblock(capacity, old.on_disk, old.durable, old.created)
        write_superblock(self._parts.directory, block)
        self._parts.superblock = block

    def _set_capacity(self, capacity: int) -> None:
        def change(txn: WriteTxn) -> None:
            txn.state.capacity_nbytes = capacity

        self._parts.index.transact(change)


def _take_part(txn: WriteTxn, offset: int, nbytes: int, start: int) -> None:
    """Take the end of a free range, from `start` on."""
    take(txn, offset, nbytes)
    if start > offset:
        free(txn, offset, start - offset)
