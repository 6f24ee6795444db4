"""Hosting: what a node answers one that goes and looks for room for its copies."""

import logging
from collections.abc import Sequence

from gridcache.cluster.handover.parcel import Meta, opened
from gridcache.cluster.home import directory
from gridcache.cluster.home.items import local_space
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import StoreStats
from gridcache.store.records import IMMUTABLE, entry_key
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["Hosting", "room_nbytes"]

_SPARE = 3
"""An eighth of the capacity."""
_logger = logging.getLogger("gridcache")


class Hosting:
    """Takes copies of immutable entries, at one node."""

    def __init__(self, store: NodeStore) -> None:
        self._store = store

    def room(
        self, _session: Session, _meta: Meta, _buffers: Sequence[memoryview]
    ) -> Answer:
        """Say how much fits without evicting anything."""
        return Answer({"nbytes": room_nbytes(self._store.stats())})

    def holders(
        self, _session: Session, meta: Meta, _buffers: Sequence[memoryview]
    ) -> Answer:
        """Say who holds copies of some keys, as their home."""
        space = local_space(self._store, meta["space"])
        keys = [entry_key(space.id, text)[0] for text in meta["keys"]]

        def work(txn: WriteTxn) -> list[tuple[int, ...]]:
            known = (directory.load(txn, key) for key in keys)
            return [one.holders if one is not None else () for one in known]

        return Answer({"holders": self._store.snapshot(work)})

    def keep(
        self, _session: Session, meta: Meta, buffers: Sequence[memoryview]
    ) -> Answer:
        """Store copies; answers with the places of those that are here now."""
        kept = []
        with self._store.batch():
            for number, order in enumerate(opened(self._store, meta, buffers)):
                if self._keep_one(order):
                    kept.append(number)
        return Answer({"kept": kept})

    def _keep_one(self, order: Order) -> bool:
        """Store a copy; a mutable value under its key stays."""
        key, _ = entry_key(order.space.id, order.key)
        is_here = False

        def is_new(txn: WriteTxn) -> bool:
            nonlocal is_here
            old = self._store.entry_in(txn, key)
            is_here = old is not None and bool(old.stamp.flags & IMMUTABLE)
            older = old is not None and old.stamp.origin < order.stamp.origin
            return old is None or (is_here and older)

        try:
            stored = self._store.put(order._replace(fence=is_new))
        except (ValueTooLargeError, OutOfSpaceError) as error:
            _logger.info("no room for a copy of %r: %s", order.key, error)
            return False
        if is_here and order.pinned:  # a copy that was read here may be evicted
            is_here = self._store.change(order.space, order.key, pinned=True)
        return stored is not None or is_here


def room_nbytes(stats: StoreStats) -> int:
    """What fits into a store without evicting anything; less than there is.

    The index grows with what comes, and pieces of free memory may be too small.
    """
    grown = stats.directory_nbytes - stats.free_nbytes
    spare = stats.capacity_nbytes >> _SPARE
    return max(stats.capacity_nbytes - grown - spare, 0)
