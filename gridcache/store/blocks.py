"""Blocks: raw memory in one store, allocated, written and read by number.

A block counts in the capacity, pushes cache entries out before it is refused,
reads as zeros at first, and is freed by its user, with its pool, or by whoever
finds that the pool's process is dead.

On disk blocks go through a closing and opening, but not through a rebuild of
the index, and writes into them are not synced.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from typing import Any, TypeVar

from gridcache.store.block_counts import BlockCounts
from gridcache.store.block_info import BlockInfo, block_info
from gridcache.store.block_making import BlockMaking
from gridcache.store.block_memory import (
    BlockMemory,
    Hold,
    Piece,
    Wish,
    as_bytes,
    patiently,
)
from gridcache.store.block_owners import BlockOwners
from gridcache.store.block_pools import all_pools, find_pool
from gridcache.store.block_records import (
    ARRIVING,
    FIXED,
    next_number,
    put_block,
    seen_block,
    take_numbers,
)
from gridcache.store.block_space import BlockSizes, BlockSpace, Wanted
from gridcache.store.block_transfers import BlockTransfers
from gridcache.store.parts import Parts
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockInfo", "Blocks"]

T = TypeVar("T")
_Numbers = list[int]
_Copies = list[bytes]
"""`list` is a method below."""
_AT_ONCE = 256
"""Blocks looked up in one read transaction, and pinned for one write."""


class Blocks:
    """The memory blocks of one store, for one process."""

    def __init__(self, parts: Parts, relief: Relief) -> None:
        self._parts = parts
        self._relief = relief
        self._memory = BlockMemory(parts)
        self._space = BlockSpace(parts, relief, self._memory)
        self.owners = BlockOwners(parts, relief, self._space)
        self.transfers = BlockTransfers(parts, relief, self._memory, self._space)
        self.making = BlockMaking(self._memory, self._space)
        self._sealed = parts.superblock.on_disk
        self._counts = BlockCounts(relief, sealed=self._sealed)

    # -- allocation and freeing --------------------------------------------

    def new_numbers(self, count: int = 1) -> int:
        """The first of so many numbers in a row that this store never gave."""
        return self._relief.index.transact(lambda txn: take_numbers(txn, count))

    def allocate(
        self,
        number: int,
        nbytes: int,
        pool: str = "",
        *,
        detached: bool = False,
        fixed: bool = False,
    ) -> None:
        """Make a block of zeros.

        Parameters
        ----------
        number
            Its own for good: of `new_numbers`, of the grid's counter, or drawn.
        pool
            The block is freed with it.
        detached
            True for a block that stays until somebody frees it.
        fixed
            True if it must not be moved to another node.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            No room for it now, or ever. No block is made.
        """
        owner = "" if detached else pool
        flags = FIXED if fixed else 0
        self._space.allocate(Wanted(number, nbytes, owner, flags))

    def free(self, number: int) -> None:
        """Give a block back; mapped, its memory waits for the last view.

        Raises
        ------
        BlockNotFoundError
            It was freed already, or never was.
        """
        self._space.free(number)

    def free_many(self, numbers: Iterable[int]) -> _Numbers:
        """Give blocks back; returns those that were there."""
        return self._space.free_many(numbers)

    # -- bytes -------------------------------------------------------------

    def write(self, number: int, data: Any, offset: int = 0) -> int:
        """Write bytes into a block; returns how many.

        All is checked before the first byte. A writer that dies in the middle
        leaves old and new bytes in its own range and nowhere else.

        Raises
        ------
        BlockNotFoundError, BlockRangeError
            No such block, or not so long; nothing was written.
        """
        view = as_bytes(data)
        self.write_many(((number, view, offset),))
        return view.nbytes

    def write_many(self, pieces: Sequence[Piece]) -> None:
        """Write several; all is checked before the first byte of the first."""
        batches = _batches(pieces)
        if len(batches) > 1:
            self.check_ranges([(n, data.nbytes, offset) for n, data, offset in pieces])
        for batch in batches:
            patiently(partial(self._memory.write, batch))
            for number, _, _ in batch:
                self._counts.note(number)

    def read(self, number: int, nbytes: int | None = None, offset: int = 0) -> bytes:
        """A copy of a range, up to the end if no size is given.

        Raises
        ------
        BlockNotFoundError, BlockRangeError
            No such block, or not so long.
        """
        (data,) = self.read_many(((number, nbytes, offset),))
        return data

    def read_many(self, ranges: Sequence[Wish]) -> _Copies:
        """Copies of several ranges: (number, size or None, offset)."""
        found: _Copies = []
        for batch in _batches(ranges):
            found += patiently(partial(self._memory.read, batch))
            for wish in batch:
                self._counts.note(wish[0])
        return found

    def read_into(self, number: int, into: Any, offset: int = 0) -> None:
        """Fill a writable buffer from a block; raises as `read` does."""
        view = memoryview(into).cast("B")
        patiently(lambda: self._memory.read_into(number, view, offset))
        self._counts.note(number)

    def map(self, number: int) -> memoryview:
        """A writable view of a block, without a copy, seen by every process.

        The block stays on this node from now on. Freed while it is mapped, its
        memory waits for the last view.

        Raises
        ------
        BlockNotFoundError
            No such block.
        OutOfSpaceError
            This process holds too many views.
        """
        memory = patiently(lambda: self._memory.map(number))
        if not self._memory.find(number).flags & FIXED:
            self._relief.index.transact(lambda txn: self._fix(txn, number))
        self._counts.note(number)
        return memory

    def _fix(self, txn: WriteTxn, number: int) -> None:
        block = seen_block(txn, number)
        fixed = block._replace(flags=block.flags | FIXED)
        put_block(txn, number, fixed, sealed=self._sealed)

    def place(self, number: int, nbytes: int, offset: int) -> tuple[int, int, Hold]:
        """Where a range lies: descriptor, offset, and what holds it there.

        For sending it: freed or not, nobody else is given it until the hold ends.
        """
        at, hold = patiently(lambda: self._memory.place(number, nbytes, offset))
        self._counts.note(number)
        return self._parts.arena.fileno(), at, hold

    def filler(self, number: int, offset: int) -> Callable[[memoryview], None]:
        """A function that writes what it is given end to end: one long write."""
        at = offset

        def write(chunk: memoryview) -> None:
            nonlocal at
            start = at
            patiently(lambda: self._memory.write(((number, chunk, start),)))
            at += chunk.nbytes

        self._counts.note(number)
        return write

    def check_ranges(self, ranges: Sequence[Wish]) -> _Numbers:
        """The sizes of ranges that blocks have, before their bytes go anywhere."""
        return [
            place.nbytes
            for batch in _batches(ranges)
            for place in self._memory.find_ranges(batch)
        ]

    # -- pools -------------------------------------------------------------

    def own(self, pool: str) -> None:
        """Let a pool's blocks end with this process."""
        self.owners.own(pool)

    def reap_pool(self, pool: str) -> int:
        """Free the blocks of a pool that is no more; returns how many."""
        return self.owners.reap_pool(pool)

    def reap_dead(self) -> int:
        """Free the blocks of pools whose process is dead; returns how many."""
        return self.owners.reap_dead()

    # -- looking -----------------------------------------------------------

    def list(self, start: int = 0, most: int | None = None) -> Iterator[BlockInfo]:
        """Blocks by number, from `start` on; all of them if no number is given."""
        self.flush()
        pools = self._parts.index.snapshot(lambda txn: dict(all_pools(txn)))
        seen = (
            block_info(number, block, pools.get(block.pool))
            for number, block in self._space.records(start)
            if not block.flags & ARRIVING
        )
        return islice(seen, most)

    def info(self, number: int) -> BlockInfo:
        """One block.

        Raises
        ------
        BlockNotFoundError
            It was freed, or never was.
        """
        self.flush()
        block = self._memory.find(number)
        pool = self._parts.index.snapshot(lambda txn: find_pool(txn, block.pool))
        return block_info(number, block, pool)

    def sizes(self) -> BlockSizes:
        """What blocks take, and could take."""
        return self._space.sizes()

    # -- upkeep ------------------------------------------------------------

    def tidy(self) -> None:
        """One round of housekeeping."""
        self.reap_dead()
        self.flush()

    def next_number(self) -> int:
        """The least number that no block here ever had."""
        return self._parts.index.snapshot(next_number)

    def flush(self) -> None:
        """Bring this process's counts of accesses into the index."""
        self._counts.flush()

    def after_fork_in_child(self) -> None:
        """The counts so far are the parent's."""
        self._counts.clear()


def _batches(items: Sequence[T]) -> list[Sequence[T]]:
    return [items[at : at + _AT_ONCE] for at in range(0, len(items), _AT_ONCE)]
