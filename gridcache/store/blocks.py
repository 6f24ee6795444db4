"""Blocks: raw memory in one store, allocated, written and read by number.

A block counts in the capacity, pushes cache entries out before it is refused,
reads as zeros at first, and is freed by its user, with its pool, or by whoever
finds that the pool's process is dead.

On disk blocks go through a closing and opening, but not through a rebuild of
the index, and writes into them are not synced.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from gridcache.store.block_memory import BlockMemory, Hold, as_bytes, patiently
from gridcache.store.block_owners import BlockOwners
from gridcache.store.block_pools import Pool, all_pools, find_pool
from gridcache.store.block_records import (
    ARRIVING,
    FIXED,
    Block,
    find_block,
    next_number,
    put_block,
    seen_block,
    take_numbers,
)
from gridcache.store.block_space import FREE_BATCH, BlockSizes, BlockSpace, Wanted
from gridcache.store.block_transfers import BlockTransfers
from gridcache.store.parts import Parts
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockInfo", "Blocks"]

_Numbers = list[int]
"""`list` is a method below."""


@dataclass(frozen=True, slots=True)
class BlockInfo:
    """One block, as it was when asked."""

    number: int
    nbytes: int
    created_at: float
    """Seconds since the epoch."""
    accesses: int
    """Reads, writes and maps; what a killed process counted last is lost."""
    pool: str
    """Of whoever allocated it; empty if detached."""
    detached: bool
    fixed: bool
    home: str = ""
    """The node it was allocated on, if it was moved here."""


class Blocks:
    """The memory blocks of one store, for one process."""

    def __init__(self, parts: Parts, relief: Relief) -> None:
        self._parts = parts
        self._relief = relief
        self._memory = BlockMemory(parts)
        self._space = BlockSpace(parts, relief, self._memory)
        self.owners = BlockOwners(parts, relief, self._space)
        self.transfers = BlockTransfers(parts, relief, self._memory, self._space)
        self._sealed = parts.superblock.on_disk
        self._accesses: dict[int, int] = {}
        """By number, not yet in the index."""

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
            Its own for good: of `new_numbers`, or of the grid's counter.
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
        patiently(lambda: self._memory.write(number, view, offset))
        self._note_access(number)
        return view.nbytes

    def read(self, number: int, nbytes: int | None = None, offset: int = 0) -> bytes:
        """A copy of a range, up to the end if no size is given.

        Raises
        ------
        BlockNotFoundError, BlockRangeError
            No such block, or not so long.
        """
        data = patiently(lambda: self._memory.read(number, nbytes, offset))
        self._note_access(number)
        return data

    def read_into(self, number: int, into: Any, offset: int = 0) -> None:
        """Fill a writable buffer from a block; raises as `read` does."""
        view = memoryview(into).cast("B")
        patiently(lambda: self._memory.read_into(number, view, offset))
        self._note_access(number)

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
        self._note_access(number)
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
        self._note_access(number)
        return self._parts.arena.fileno(), at, hold

    def filler(self, number: int, offset: int) -> Callable[[memoryview], None]:
        """A function that writes what it is given end to end: one long write."""
        at = offset

        def write(chunk: memoryview) -> None:
            nonlocal at
            start = at
            patiently(lambda: self._memory.write(number, chunk, start))
            at += chunk.nbytes

        self._note_access(number)
        return write

    def check_range(self, number: int, nbytes: int | None, offset: int) -> int:
        """The size of a range that a block has, before its bytes arrive."""
        block = self._memory.find_range(number, nbytes, offset)
        return block.nbytes - offset if nbytes is None else nbytes

    def _note_access(self, number: int) -> None:
        self._accesses[number] = self._accesses.get(number, 0) + 1

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
            _info(number, block, pools.get(block.pool))
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
        return _info(number, block, pool)

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
        counts, self._accesses = self._accesses, {}
        pending = list(counts.items())
        for start in range(0, len(pending), FREE_BATCH):
            self._relief.index.transact(
                self._adding(pending[start : start + FREE_BATCH])
            )

    def _adding(self, batch: Iterable[tuple[int, int]]) -> Callable[[WriteTxn], None]:
        def add(txn: WriteTxn) -> None:
            for number, count in batch:
                block = find_block(txn, number)
                if block is not None:
                    counted = block._replace(accesses=block.accesses + count)
                    put_block(txn, number, counted, sealed=self._sealed)

        return add

    def after_fork_in_child(self) -> None:
        """The counts so far are the parent's."""
        self._accesses.clear()


def _info(number: int, block: Block, pool: Pool | None) -> BlockInfo:
    text = pool.text if pool is not None else ""
    return BlockInfo(
        number=number,
        nbytes=block.nbytes,
        created_at=block.created_at,
        accesses=block.accesses,
        pool=text,
        detached=not text,
        fixed=bool(block.flags & FIXED),
        home=pool.home if pool is not None else "",
    )
