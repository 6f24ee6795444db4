"""Block memory: the bytes of blocks, written, read and mapped in place.

A block's extent never moves while it lives, so its bytes are written without any
transaction. But it may be freed meanwhile, and the extent become somebody
else's: a write pins it first and looks again, as a view of an entry does. A read
copies and looks again. A map keeps its pin until the last view is gone.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

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

__all__ = ["BlockMemory", "Hold", "Piece", "Wish", "as_bytes", "patiently"]

T = TypeVar("T")

_CHUNK = 1 << 30
"""Bytes per write call; the kernel stops at 2 GiB - 4 KiB."""
_PATIENCE_S = 10.0
_PAUSE_S = 2e-3
_ON_ITS_WAY = LEAVING | HANDED
_ZEROS = memoryview(bytes(1 << 20))


Wish = Sequence[Any]
"""Number, size (None: up to the end) and offset of a range."""
Piece = tuple[int, memoryview, int]
"""Number, bytes and offset of a write."""


class Place(NamedTuple):
    """Where a range of a block lies."""

    number: int
    block: Block
    at: int
    """In the arena."""
    nbytes: int


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

    def find_ranges(self, ranges: Sequence[Wish], refuse: int = 0) -> list[Place]:
        """Where ranges lie, each of (number, size or None, offset); one snapshot.

        Raises
        ------
        BlockRangeError
            A block has no such range.
        """
        return self._parts.index.snapshot(
            lambda txn: [
                _place(seen_block(txn, wish[0], refuse), *wish) for wish in ranges
            ]
        )

    def _look_again(self, numbers: Iterable[int], refuse: int = 0) -> None:
        """Raise unless the blocks are still there."""
        self._parts.index.snapshot(
            lambda txn: [seen_block(txn, number, refuse) for number in numbers]
        )

    def _hold(self, places: Sequence[Place], refuse: int = 0) -> list[Hold] | None:
        """Keep blocks' extents theirs, freed or not; None without a pin left."""
        holds: list[Hold] = []
        try:
            for place in places:
                holds.append(Hold(self._parts.row, place.block.offset))
                if holds[-1].slot < 0:
                    _end(holds)
                    return None
            self._look_again((place.number for place in places), refuse)
        except BaseException:
            _end(holds)
            raise
        return holds

    def _hold_one(self, place: Place, refuse: int) -> Hold:
        holds = self._hold((place,), refuse)
        if holds is None:
            message = "this process holds as many views as it can; drop some"
            raise OutOfSpaceError(message)
        return holds[0]

    # -- bytes -------------------------------------------------------------

    def clear(self, offset: int, nbytes: int) -> None:
        """Zero a range of the arena that is the caller's."""
        for start in range(0, nbytes, _ZEROS.nbytes):
            piece = _ZEROS[: min(nbytes - start, _ZEROS.nbytes)]
            self._parts.arena.write_one(offset + start, piece)

    def fill_range(self, offset: int, pieces: Sequence[memoryview]) -> None:
        """Write end to end into a range of the arena that is the caller's."""
        self._parts.arena.write_packed(offset, pieces)

    def write(self, pieces: Sequence[Piece]) -> None:
        """Write into blocks; see `Blocks.write`."""
        ranges = [(number, data.nbytes, offset) for number, data, offset in pieces]
        places = self.find_ranges(ranges, _ON_ITS_WAY)
        holds = self._hold(places, _ON_ITS_WAY)
        if holds is None:
            self._parts.index.transact(lambda txn: self._write_inside(txn, pieces))
            return
        try:
            for place, (_, data, _) in zip(places, pieces, strict=True):
                self._put(place.at, data)
        finally:
            _end(holds)

    def _write_inside(self, txn: WriteTxn, pieces: Sequence[Piece]) -> None:
        """Write where nobody can free: without a pin, which are all taken."""
        for number, data, offset in pieces:
            block = seen_block(txn, number, _ON_ITS_WAY)
            self._put(block.offset + offset, data)

    def fill(self, block: Block, data: memoryview, offset: int) -> None:
        """Write into a block that nobody else sees yet; the caller holds it."""
        self._put(block.offset + offset, data)

    def _put(self, offset: int, data: memoryview) -> None:
        for start in range(0, data.nbytes, _CHUNK):
            self._parts.arena.write_one(offset + start, data[start : start + _CHUNK])

    def read(self, ranges: Sequence[Wish]) -> list[bytes]:
        """Copy ranges of blocks; see `Blocks.read`."""
        places = self.find_ranges(ranges, HANDED)
        read = self._parts.arena.read
        found = [read(place.at, place.nbytes) for place in places]
        # Else the bytes may be another's.
        self._look_again(place.number for place in places)
        return found

    def read_into(self, number: int, into: memoryview, offset: int) -> None:
        """Fill a buffer from a block; see `Blocks.read_into`."""
        (place,) = self.find_ranges(((number, into.nbytes, offset),), HANDED)
        self._parts.arena.read_into(place.at, into)
        self._look_again((number,))

    def map(self, number: int) -> memoryview:
        """A writable view of a whole block; see `Blocks.map`.

        The mapping is of this block alone, so that its pages leave the resident
        size with the last view.
        """
        (place,) = self.find_ranges(((number, None, 0),), _ON_ITS_WAY)
        hold = self._hold_one(place, _ON_ITS_WAY)
        mapping, start = self._parts.arena.map_range(place.at, place.nbytes)
        array = np.frombuffer(mapping, np.uint8, place.nbytes, start)
        return hold_memory(array, hold)

    def place(self, number: int, nbytes: int, offset: int) -> tuple[int, Hold]:
        """Where a range lies in the arena's file, held until the hold ends."""
        (place,) = self.find_ranges(((number, nbytes, offset),), HANDED)
        return place.at, self._hold_one(place, 0)


def _place(block: Block, number: int, nbytes: int | None, offset: int) -> Place:
    size = block.nbytes - offset if nbytes is None else nbytes
    if offset < 0 or size < 0 or offset + size > block.nbytes:
        message = (
            f"bytes {offset} to {offset + size} are outside memory block {number}, "
            f"which has {block.nbytes}; stay inside it"
        )
        raise BlockRangeError(
            message, number=number, offset=offset, nbytes=size, size=block.nbytes
        )
    return Place(number, block, block.offset + offset, size)


def _end(holds: Iterable[Hold]) -> None:
    for hold in holds:
        hold.end()


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
