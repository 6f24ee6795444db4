"""Admission: a new immutable value enters a node, its memory or else its disk.

What is pinned cannot be evicted for others, so that a memory full of pins takes
nothing more: no record of a published name, no mutable value. So pinned values leave
a tenth of it to the others where there is a disk, and go there straight away.
"""

from collections.abc import Callable
from dataclasses import replace

from gridcache.cluster.tier.tier_access import tier_of
from gridcache.codec.frames import Frames, Poured
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry, entry_key, extent_nbytes
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["admit", "spare_nbytes"]

_PINNED = 0.90
"""Of the arena, or of a namespace's quota, that pins take where there is a disk."""


def admit(store: NodeStore, order: Order) -> int | None:
    """Store an immutable copy at this node; returns its generation where it lies.

    None if the order's fence dropped it. With a fence it can only go to the memory,
    whose transaction the fence is asked in.

    Raises
    ------
    OutOfSpaceError, ValueTooLargeError
        Neither the memory nor the disk has room; nothing is stored.
    """
    tier = tier_of(store).open()
    if tier is None or order.fence is not None:
        return store.put(order)
    frames = _Unread(order.frames)
    order = order._replace(frames=frames.frames)

    def to_disk(order: Order) -> int | None:
        generation = tier.take(order)
        _forget_older(store, order)
        return generation

    ways: list[Callable[[Order], int | None]] = [store.put, to_disk]
    first, second = reversed(ways) if _would_crowd(store, order) else ways
    try:
        return first(order)
    except (OutOfSpaceError, ValueTooLargeError):
        if frames.was_read:  # a stream, which comes once
            raise
    return second(order)


def _forget_older(store: NodeStore, order: Order) -> None:
    """Drop what memory has of an older edition, as a put there would replace it."""

    def is_older(_txn: WriteTxn, _key: bytes, entry: Entry | None) -> bool:
        return (
            entry is not None
            and bool(entry.stamp.flags & IMMUTABLE)
            and entry.stamp.origin < order.stamp.origin
        )

    store.forget_stale([entry_key(order.space.id, order.key)], is_older)


def _would_crowd(store: NodeStore, order: Order) -> bool:
    """True if pins would leave too little to others with a value more."""
    if not order.pinned:
        return False
    nbytes = extent_nbytes(0, order.frames.body_nbytes)
    return any(
        fill.used_nbytes + nbytes > _PINNED * fill.limit_nbytes
        for fill in store.cold.pins(order.space)
    )


def spare_nbytes(store: NodeStore) -> int:
    """Bytes that a node could take of what must not be lost, at the cost of others.

    An estimate: pieces of memory between pins may be too small.
    """
    tier = tier_of(store).open()
    below = [] if tier is None else [tier.store]
    return max(one.cold.pins()[0].idle_nbytes for one in (store, *below))


class _Unread:
    """Frames, and whether a body that can be read only once has been begun."""

    def __init__(self, frames: Frames | Poured) -> None:
        self.was_read = False
        self.frames = frames
        if isinstance(frames, Poured):
            self._pour = frames.pour
            self.frames = replace(frames, pour=self._noted)

    def _noted(self, write: Callable[[int, memoryview], None], start: int) -> int:
        self.was_read = True
        return self._pour(write, start)
