"""Block memory: the bytes of blocks, written, read and mapped in place.

A block's extent never moves while it lives, so its bytes are written without any
transaction. But it may be freed meanwhile, and the extent become somebody
else's: a write pins it first and looks again, as a view of an entry does. A read
copies and looks again. A map keeps its pin until the last view is gone.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np

from gridcache.errors import BlockRangeError, OutOfSpaceError, StoreStalledError
from gridcache.store.block_records import (
    HANDED,
    LEAVING,
    Block,
    BlockMovingError,
    seen_block,
)
from gridcache.store.clients import ClientRow
from gridcache.store.leases import hold_memory
from gridcache.store.parts import Parts
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockMemory", "Hold", "as_bytes", "patiently"]

T = TypeVar("T")

_CHUNK = 1 << 30
"""Bytes per write call; the kernel stops at 2 GiB - 4 KiB."""
_PATIENCE_S = 10.0
_PAUSE_S = 2e-3
_ON_ITS_WAY = LEAVING | HANDED
_ZEROS = memoryview(bytes(1 << 20))


class Hold:
    """A pin on an extent; `slot` is -1 if there was none left."""

    __slots__ = ("_row", "slot")

    def __init__(self, row: ClientRow, offset: int) -> None:
        self.slot, self._row = -1, row
        row.pin(offset, self)

    def end(self) -> None:
        """Let the extent go; idempotent."""
        slot, self.slot = self.slot, -1
        if slot >= 0:
            self._row.unpin(slot)

    def __del__(self) -> None:
        with suppress(AttributeError):  # interrupted before it began
            self.end()


class BlockMemory:
    """Reads and writes of one process."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    # -- looking -----------------------------------------------------------

    def find(self, number: int, refuse: int = 0) -> Block:
        """The record of a block; raises as `seen_block` does."""
        return self._parts.index.snapshot(lambda txn: seen_block(txn, number, refuse))

    def find_range(
        self, number: int, nbytes: int | None, offset: int, refuse: int = 0
    ) -> Block:
        """The record of a block that has such a range.

        Raises
        ------
        BlockRangeError
            It has not.
        """
        block = self.find(number, refuse)
        size = block.nbytes - offset if nbytes is None else nbytes
        if offset < 0 or size < 0 or offset + size > block.nbytes:
            message = (
                f"bytes {offset} to {offset + size} are outside memory block {number}, "
                f"which has {block.nbytes}; stay inside it"
            )
            raise BlockRangeError(
                message, number=number, offset=offset, nbytes=size, size=block.nbytes
            )
        return block

    def hold(self, number: int, block: Block, refuse: int = 0) -> Hold | None:
        """Keep a block's extent its own, freed or not; None without a pin left."""
        hold = Hold(self._parts.row, block.offset)
        if hold.slot < 0:
            return None
        try:
            self.find(number, refuse)
        except BaseException:
            hold.end()
            raise
        return hold

    # -- bytes -------------------------------------------------------------

    def clear(self, offset: int, nbytes: int) -> None:
        """Zero a range of the arena that is the caller's."""
        for start in range(0, nbytes, _ZEROS.nbytes):
            piece = _ZEROS[: min(nbytes - start, _ZEROS.nbytes)]
            self._parts.arena.write_one(offset + start, piece)

    def write(self, number: int, data: memoryview, offset: int) -> None:
        """Write into a block; see `Blocks.write`."""
        block = self.find_range(number, data.nbytes, offset, _ON_ITS_WAY)
        hold = self.hold(number, block, _ON_ITS_WAY)
        if hold is None:
            self._parts.index.transact(
                lambda txn: self._write_inside(txn, number, data, offset)
            )
            return
        try:
            self._put(block.offset + offset, data)
        finally:
            hold.end()

    def _write_inside(
        self, txn: WriteTxn, number: int, data: memoryview, offset: int
    ) -> None:
        """Write where nobody can free: without a pin, which are all taken."""
        block = seen_block(txn, number, _ON_ITS_WAY)
        self._put(block.offset + offset, data)

    def fill(self, block: Block, data: memoryview, offset: int) -> None:
        """Write into a block that nobody else sees yet; the caller holds it."""
        self._put(block.offset + offset, data)

    def _put(self, offset: int, data: memoryview) -> None:
        for start in range(0, data.nbytes, _CHUNK):
            self._parts.arena.write_one(offset + start, data[start : start + _CHUNK])

    def read(self, number: int, nbytes: int | None, offset: int) -> bytes:
        """Copy a range of a block; see `Blocks.read`."""
        block = self.find_range(number, nbytes, offset, HANDED)
        size = block.nbytes - offset if nbytes is None else nbytes
        data = self._parts.arena.read(block.offset + offset, size)
        self.find(number)  # else the bytes may be another's
        return data

    def read_into(self, number: int, into: memoryview, offset: int) -> None:
        """Fill a buffer from a block; see `Blocks.read_into`."""
        block = self.find_range(number, into.nbytes, offset, HANDED)
        self._parts.arena.read_into(block.offset + offset, into)
        self.find(number)

    def map(self, number: int) -> memoryview:
        """A writable view of a whole block; see `Blocks.map`.

        The mapping is of this block alone, so that its pages leave the resident
        size with the last view.
        """
        block = self.find(number, _ON_ITS_WAY)
        hold = self.hold(number, block, _ON_ITS_WAY)
        if hold is None:
            message = "this process holds as many views as it can; drop some"
            raise OutOfSpaceError(message)
        mapping, start = self._parts.arena.map_range(block.offset, block.nbytes)
        array = np.frombuffer(mapping, np.uint8, block.nbytes, start)
        return hold_memory(array, hold)

    def place(self, number: int, nbytes: int, offset: int) -> tuple[int, Hold]:
        """Where a range lies in the arena's file, held until the hold ends."""
        block = self.find_range(number, nbytes, offset, HANDED)
        hold = self.hold(number, block)
        if hold is None:
            message = "this process holds as many views as it can; drop some"
            raise OutOfSpaceError(message)
        return block.offset + offset, hold


def patiently(call: Callable[[], T]) -> T:
    """What `call` returns, again and again while the block is on its way.

    Raises
    ------
    StoreStalledError
        It does not get anywhere.
    """
    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return call()
        except BlockMovingError as moving:
            if time.monotonic() > deadline:
                message = (
                    f"memory block {moving.number} is being moved to another node, "
                    f"which takes too long; try again when the nodes answer"
                )
                raise StoreStalledError(message, number=moving.number) from None
            time.sleep(_PAUSE_S)


def as_bytes(data: Any) -> memoryview:
    """The bytes of anything with a buffer, in one piece."""
    view = memoryview(data)
    if not view.c_contiguous:
        view = memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")
