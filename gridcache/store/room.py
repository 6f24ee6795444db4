"""Room: the capacity of a store, and how its files share it.

The bound is on the whole directory. Arena and index grow in steps; when they
meet, the index takes from the arena's tail, which is emptied first. Everything
here keeps `arena + index + other files <= capacity` at every instant: what
shrinks does so before what grows.
"""

import sys
from collections.abc import Callable

from gridcache.errors import OutOfSpaceError
from gridcache.store.allocator import allocate, free, last_free, take
from gridcache.store.claims import ChangedError
from gridcache.store.evictor import Piece
from gridcache.store.files import PAGE
from gridcache.store.index import WriteTxn
from gridcache.store.layout import Superblock, write_superblock
from gridcache.store.parts import Parts

__all__ = ["Room", "arena_step", "index_step"]

_INDEX_SHARE = 0.4
"""Of the capacity at most: an arena entry of 1 KiB needs a fifth, a tiny one
more index than arena."""
_TAIL_PIECES = 8
"""Per transaction: each dirties a handful of index pages, and the index may be
why the tail must go."""
_TAIL_TRIES = 100_000


def arena_step(capacity_nbytes: int) -> int:
    """Bytes by which the arena grows."""
    return min(max(capacity_nbytes >> 6, 64 << 10), 64 << 20) & -PAGE


def index_step(capacity_nbytes: int) -> int:
    """Bytes by which the index grows."""
    return min(max(capacity_nbytes >> 6, 512 << 10), 32 << 20) & -PAGE


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
        self.shortage: OutOfSpaceError | None = None
        """Why the file system refused the last growth."""

    def overhead_nbytes(self) -> int:
        """Bytes of the files beside arena and index."""
        names = ("superblock", "lock.mdb", "gone", "access", "clients")
        directory = self._parts.directory
        return sum((directory / name).stat().st_size for name in names) + PAGE

    def arena_limit(self, capacity: int, index_nbytes: int) -> int:
        """The arena's greatest length beside an index."""
        return (capacity - index_nbytes - self.overhead_nbytes()) & -PAGE

    def largest_value_nbytes(self) -> int:
        """Bytes no reservation can exceed, however much is evicted."""
        state = self._parts.index.snapshot(lambda txn: txn.state)
        return self.arena_limit(state.capacity_nbytes, state.index_nbytes)

    # -- arena -------------------------------------------------------------

    def allocate(self, txn: WriteTxn, nbytes: int) -> int | None:
        """Allocate, growing the arena within its limit."""
        offset = allocate(txn, nbytes)
        if offset is None and self._extend(txn, nbytes):
            offset = allocate(txn, nbytes)
        return offset

    def _extend(self, txn: WriteTxn, nbytes: int) -> bool:
        state = txn.state
        limit = self.arena_limit(state.capacity_nbytes, state.index_nbytes)
        wanted = state.top + nbytes
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

    def shrink_arena(self, target: int) -> bool:
        """Empty and cut the arena's tail; False if leases or pins hold it.

        The coldest entries go first, so that warm ones of the tail find a place.
        """
        state = self._parts.index.snapshot(lambda txn: txn.state)
        excess = state.top - target - state.free_nbytes
        if excess > 0:
            self._evict(excess)
            self._reap()
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
        state = self._parts.index.snapshot(lambda txn: txn.state)
        capacity = state.capacity_nbytes
        wanted = self._parts.index.nbytes + index_step(capacity)
        if wanted > capacity * _INDEX_SHARE:
            return False
        limit = self.arena_limit(capacity, wanted)
        if state.arena_nbytes > limit and not self.shrink_arena(limit):
            return False

        def announce(txn: WriteTxn) -> None:
            txn.state.index_nbytes = wanted

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
        state = self._parts.index.snapshot(lambda txn: txn.state)
        limit = self.arena_limit(state.capacity_nbytes, state.index_nbytes) - nbytes
        return state.arena_nbytes <= limit or self.shrink_arena(limit & -PAGE)

    # -- capacity ----------------------------------------------------------

    def resize(self, capacity: int) -> None:
        """Change the capacity; shrinking evicts.

        Raises
        ------
        OutOfSpaceError
            Index, pins or leases need more; the old capacity stays.
        """
        state = self._parts.index.snapshot(lambda txn: txn.state)
        before = state.capacity_nbytes
        limit = self.arena_limit(capacity, state.index_nbytes)
        self._set_capacity(capacity)
        if limit < PAGE or (
            state.arena_nbytes > limit and not self.shrink_arena(limit)
        ):
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
