"""Block transfers: the steps by which a block changes its store.

::

    here      there       who answers          undone by
    leaving               here, reads alone    stay
    leaving   arriving    here, reads alone    stay, drop
    handed    arriving    nobody               stay after drop, or accept
    handed    accepted    there                left
    -         accepted    there

Each line is one commit in one store, so whoever finds one after a death knows
what to do: a block that is handed over was accepted there or it was not. Without
an answer it stays unanswered here.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

from gridcache.store.block_memory import BlockMemory, Hold
from gridcache.store.block_records import (
    ARRIVING,
    FIXED,
    HANDED,
    LEAVING,
    Block,
    find_block,
    flag_block,
    missing_block,
    moving_blocks,
)
from gridcache.store.block_space import BlockSpace, Wanted
from gridcache.store.parts import Parts
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockTransfers", "Stage", "Transfer"]

_PAUSE_S = 2e-3


class Stage(StrEnum):
    """Where a block is on its way, as one store has it."""

    LEAVING = "leaving"
    HANDED = "handed"
    ARRIVING = "arriving"
    HERE = "here"
    """It is not on its way."""
    GONE = "gone"


class Transfer(NamedTuple):
    """A block on its way."""

    number: int
    node: str
    """The other one."""
    stage: Stage


class BlockTransfers:
    """Blocks that come to one store or leave it."""

    def __init__(
        self, parts: Parts, relief: Relief, memory: BlockMemory, space: BlockSpace
    ) -> None:
        self._parts = parts
        self._relief = relief
        self._memory = memory
        self._space = space
        self._sealed = parts.superblock.on_disk

    # -- where it is -------------------------------------------------------

    def leave(self, number: int, node: str, wait_s: float = 0.5) -> bool:
        """Stop writes to a block; False if it must stay, or is used all the time.

        Parameters
        ----------
        node
            Where it is to go.
        wait_s
            Patience with those who write and map it now.
        """
        if not self._change(number, 0, LEAVING, node, unless=FIXED):
            return False
        offset = self._memory.find(number).offset
        deadline = time.monotonic() + wait_s
        # Whoever pins it from now on sees that it leaves, and lets go.
        while offset in self._parts.clients.pinned_offsets():
            if time.monotonic() > deadline:
                self.stay(number)
                return False
            time.sleep(_PAUSE_S)
        return True

    def stay(self, number: int) -> bool:
        """Answer for a block again; False if it was not on its way."""
        return self._change(number, LEAVING, 0, "") or self._change(
            number, HANDED, 0, ""
        )

    @contextmanager
    def place(self, number: int, nbytes: int, offset: int) -> Iterator[tuple[int, int]]:
        """Descriptor and offset of a range that leaves; counts as no access."""
        at, hold = self._memory.place(number, nbytes, offset)
        try:
            yield self._parts.arena.fileno(), at
        finally:
            hold.end()

    def hand_over(self, number: int, node: str) -> bool:
        """Answer for a block no more; False if it was freed meanwhile."""
        return self._change(number, LEAVING, HANDED, node)

    def left(self, number: int) -> bool:
        """Forget a block that was accepted elsewhere."""
        return self._remove(number, HANDED, freed=False)

    def _change(
        self, number: int, before: int, after: int, node: str, *, unless: int = 0
    ) -> bool:
        def work(txn: WriteTxn) -> bool:
            block = find_block(txn, number)
            if block is None or block.flags & unless or _stage(block) != before:
                return False
            flags = block.flags & ~before | after
            flag_block(txn, number, block, flags, node, sealed=self._sealed)
            return True

        return self._relief.index.transact(work)

    def _remove(self, number: int, stage: int, *, freed: bool) -> bool:
        def work(txn: WriteTxn) -> bool:
            block = find_block(txn, number)
            if block is None or _stage(block) != stage:
                return False
            self._space.remove(txn, number, block, freed=freed)
            return True

        return self._relief.index.transact(work)

    # -- where it goes -----------------------------------------------------

    def arrive(self, wanted: Wanted) -> None:
        """Make room for a block that comes; raises as an allocation does."""
        self._space.allocate(wanted)

    def filler(self, number: int, offset: int) -> Callable[[memoryview], None]:
        """A function that writes what it is given end to end into what arrives."""
        block, hold = self._hold_arriving(number)
        return _Filler(self._memory, block, hold, offset)

    def _hold_arriving(self, number: int) -> tuple[Block, Hold]:
        def look(txn: WriteTxn) -> Block:
            block = find_block(txn, number)
            if block is None or not block.flags & ARRIVING:
                raise missing_block(txn, number)
            return block

        block = self._parts.index.snapshot(look)
        hold = Hold(self._parts.row, block.offset)
        return self._parts.index.snapshot(look), hold

    def accept(self, number: int) -> bool:
        """Answer for a block from now on; False if it was dropped meanwhile."""
        return self._change(number, ARRIVING, 0, "")

    def drop(self, number: int) -> bool:
        """Forget a block that does not come after all."""
        return self._remove(number, ARRIVING, freed=False)

    # -- looking -----------------------------------------------------------

    def stage(self, number: int) -> Stage:
        """Where a block is on its way."""
        return self._parts.index.snapshot(lambda txn: _stage_of(txn, number))

    def under_way(self) -> list[Transfer]:
        """Every block on its way."""
        return self._parts.index.snapshot(
            lambda txn: [
                Transfer(number, node, _stage_of(txn, number))
                for number, node in moving_blocks(txn)
            ]
        )

    def movable(self) -> list[tuple[int, Block]]:
        """Blocks that may leave, the largest first."""
        pinned = self._parts.clients.pinned_offsets()
        found = [
            (number, block)
            for number, block in self._space.records()
            if not block.flags and block.offset not in pinned
        ]
        return sorted(found, key=lambda pair: -pair[1].nbytes)


class _Filler:
    """Writes into an arriving block, which it holds as long as it lives."""

    __slots__ = ("_at", "_block", "_hold", "_memory")

    def __init__(
        self, memory: BlockMemory, block: Block, hold: Hold, offset: int
    ) -> None:
        self._memory, self._block, self._hold = memory, block, hold
        self._at = offset

    def __call__(self, chunk: memoryview) -> None:
        self._memory.fill(self._block, chunk, self._at)
        self._at += chunk.nbytes


def _stage(block: Block) -> int:
    return block.flags & (LEAVING | HANDED | ARRIVING)


_STAGES = {
    0: Stage.HERE,
    LEAVING: Stage.LEAVING,
    HANDED: Stage.HANDED,
    ARRIVING: Stage.ARRIVING,
}


def _stage_of(txn: WriteTxn, number: int) -> Stage:
    block = find_block(txn, number)
    return Stage.GONE if block is None else _STAGES[_stage(block)]
