"""Block space: which extents blocks have, and the ends of that.

As a put, an allocation reserves, writes (zeros, or what the block is for) and
commits, a small one in a single transaction; dying in between leaves a reservation
that is reaped.

Blocks stay below the last sixteenth of the capacity, since they cannot move: the
index, the access table and further clients take their memory from the arena's
end.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial

from gridcache.codec.frames import align
from gridcache.errors import (
    BlockRangeError,
    ConfigError,
    OutOfSpaceError,
    ValueTooLargeError,
)
from gridcache.store.block_memory import BlockMemory, patiently
from gridcache.store.block_pools import count_in, find_pool, join_pool
from gridcache.store.block_records import (
    ACCOUNT,
    ARRIVING,
    HANDED,
    NO_POOL,
    Block,
    blocks_nbytes,
    find_block,
    insert_block,
    note_move,
    remove_block,
    seen_block,
    some_blocks,
)
from gridcache.store.claims import Reservation
from gridcache.store.layout import SINGLE_PHASE_MAX
from gridcache.store.namespaces import load_account
from gridcache.store.parts import Parts
from gridcache.store.relief import NoRoomError, Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["FREE_BATCH", "BlockSizes", "BlockSpace", "Fill", "Wanted"]

Fill = Callable[[int], object]
"""Writes what a block begins with, all of it, at an offset of the arena."""

FREE_BATCH = 16
"""Blocks freed per transaction: what a nearly full index has pages for."""
_LISTED = 4096
"""Blocks listed per read transaction."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A block that is to be."""

    number: int
    nbytes: int
    pool: str
    """Empty for none."""
    flags: int
    home: str = ""
    """Where it was allocated, if not here."""
    source: str = ""
    """Where it is now, if it is to arrive."""
    created_at: float = 0.0
    """0.0 for now."""
    accesses: int = 0


@dataclass(frozen=True, slots=True)
class BlockSizes:
    """What blocks take, and could take, of a store."""

    blocks: int
    size_nbytes: int
    """Of all of them, as asked for."""
    capacity_nbytes: int
    """What they may take in all."""
    room_nbytes: int
    """What more they may take, if everything else goes."""
    idle_nbytes: int
    """What more they may take at nobody's cost."""


class BlockSpace:
    """Allocations of one process."""

    def __init__(self, parts: Parts, relief: Relief, memory: BlockMemory) -> None:
        self._parts = parts
        self._relief = relief
        self._memory = memory
        self._sealed = parts.superblock.on_disk
        self._pools: dict[tuple[str, str], int] = {}

    def allocate(
        self,
        wanted: Wanted,
        fill: Fill | None = None,
        *,
        idle: bool = False,
        at_once: bool = True,
    ) -> None:
        """Make a block; see `Blocks.allocate`.

        Parameters
        ----------
        fill
            None for zeros. Called inside a transaction if the block is small, and
            twice if that fails.
        idle
            True to evict nothing for it.
        at_once
            False for a `fill` that must not run inside a transaction.
        """
        self._parts.claims.abort_leftover()
        self._relief.index.look_after()
        size = _size_of(wanted.nbytes)
        write = fill or partial(self._memory.clear, nbytes=size)
        is_small = size <= SINGLE_PHASE_MAX and at_once
        if is_small and not (self._relief.crowded or self._sealed):
            try:
                self._relief.index.transact(
                    lambda txn: self._commit(txn, wanted, write)
                )
            except NoRoomError:
                pass
            else:
                return
        self._allocate_reserved(wanted, size, write, idle=idle)

    def _allocate_reserved(
        self, wanted: Wanted, size: int, fill: Fill, *, idle: bool
    ) -> None:
        limit = self._limit(size)
        try:
            reservation = self._reserve(size, limit, idle=idle)
            fill(reservation.offset)
            self._relief.index.transact(
                lambda txn: self._commit(txn, wanted, reservation)
            )
        except BaseException:
            self._parts.claims.abort_leftover()
            raise

    def _reserve(self, size: int, limit: int, *, idle: bool) -> Reservation:
        if not idle:
            return self._relief.reserve(size, limit)
        found = self._relief.reserve_free(size, limit)
        if found is None:
            message = f"no idle memory for a block of {size} bytes; ask another node"
            raise OutOfSpaceError(message, nbytes=size)
        return found

    def _limit(self, size: int) -> int:
        """The offset below which a block of that size must find its place.

        Raises
        ------
        ValueTooLargeError, OutOfSpaceError
            The capacity, or other blocks, leave no room, whatever is evicted.
        """
        state, taken = self._parts.index.snapshot(
            lambda txn: (txn.state, blocks_nbytes(txn))
        )
        limit = self._relief.room.blocks_limit(state)
        facts = {"nbytes": size, "limit": limit, "blocks": taken}
        if size > limit:
            message = (
                f"a memory block of {size} bytes can never fit: blocks may take "
                f"{limit} bytes of this store; enlarge it (resize) or ask for less"
            )
            raise ValueTooLargeError(message, **facts)
        if taken + size > limit:
            message = (
                f"no room for a memory block of {size} bytes: blocks hold {taken} of "
                f"the {limit} bytes they may take; free some or resize the store"
            )
            raise OutOfSpaceError(message, **facts)
        return limit

    def _commit(self, txn: WriteTxn, wanted: Wanted, place: Reservation | Fill) -> None:
        """Enter a block that has its bytes, or take a place and fill it now."""
        if find_block(txn, wanted.number) is not None:
            message = f"there is a memory block {wanted.number} already; take a number"
            raise ConfigError(message, number=wanted.number)
        if isinstance(place, Reservation):
            self._parts.claims.settle(txn, place)
            offset = place.offset
        else:
            offset = self._take(txn, align(wanted.nbytes))
            place(offset)
        pool = self._join(txn, wanted)
        count_in(txn, pool, 1)
        born, count = wanted.created_at or time.time(), wanted.accesses
        block = Block(offset, wanted.nbytes, born, count, pool, wanted.flags)
        insert_block(txn, wanted.number, block, sealed=self._sealed)
        if wanted.flags & ARRIVING:
            note_move(txn, wanted.number, wanted.source)

    def _take(self, txn: WriteTxn, size: int) -> int:
        limit = self._relief.room.blocks_limit(txn.state)
        offset = self._relief.allocate(txn, size, limit)
        self._parts.access.note_reuse()
        return offset

    def _join(self, txn: WriteTxn, wanted: Wanted) -> int:
        """The number of a block's pool."""
        text, home = wanted.pool, wanted.home
        if not text and not home:
            return NO_POOL
        known = self._pools.get((text, home), NO_POOL)  # looked at before believed
        pool = find_pool(txn, known)
        if pool is None or (pool.text, pool.home) != (text, home):
            known = self._pools[text, home] = join_pool(txn, text, home)
        return known

    def sizes(self) -> BlockSizes:
        """What blocks take and could take."""
        state, held = self._parts.index.snapshot(
            lambda txn: (txn.state, load_account(txn, ACCOUNT))
        )
        limit = self._relief.room.blocks_limit(state)
        room = max(limit - held.stored_nbytes, 0)
        idle = state.free_nbytes + max(limit - state.top, 0)
        return BlockSizes(held.entries, held.raw_nbytes, limit, room, min(idle, room))

    # -- looking -----------------------------------------------------------

    def records(self, start: int = 0) -> Iterator[tuple[int, Block]]:
        """(number, record) of every block from `start` on, by number."""
        while found := self._some(start):
            yield from found
            start = found[-1][0] + 1

    def _some(self, start: int) -> list[tuple[int, Block]]:
        return self._parts.index.snapshot(lambda txn: some_blocks(txn, start, _LISTED))

    # -- freeing -----------------------------------------------------------

    def free(self, number: int) -> None:
        """Give a block back; see `Blocks.free`."""

        def work(txn: WriteTxn) -> None:
            self.remove(txn, number, seen_block(txn, number, HANDED))

        patiently(lambda: self._relief.index.transact(work))

    def free_many(self, numbers: Iterable[int]) -> list[int]:
        """Give blocks back; returns those that were there.

        One that is just handed over to another node is not there any more.
        """
        freed: list[int] = []
        wanted = list(numbers)
        for start in range(0, len(wanted), FREE_BATCH):
            batch = wanted[start : start + FREE_BATCH]
            freed += self._relief.index.transact(
                lambda txn, batch=batch: [n for n in batch if self._free(txn, n)]  # type: ignore[misc]
            )
        return freed

    def _free(self, txn: WriteTxn, number: int) -> bool:
        block = find_block(txn, number)
        if block is None or block.flags & HANDED:
            return False
        self.remove(txn, number, block)
        return True

    def remove(
        self, txn: WriteTxn, number: int, block: Block, *, freed: bool = True
    ) -> None:
        """Take a block out of every table; its memory waits for the last view."""
        self._relief.leftovers.free(txn)
        remove_block(txn, number, block, freed=freed)
        count_in(txn, block.pool, -1)
        self._parts.retirement.retire_range(txn, block.offset, block.extent_nbytes)


def _size_of(nbytes: int) -> int:
    if nbytes < 1:
        message = f"a memory block of {nbytes} bytes cannot be; the least is 1"
        raise BlockRangeError(message, nbytes=nbytes)
    return align(nbytes)
