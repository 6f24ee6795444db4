"""Copies: what fills a copy, at the member that keeps it.

Entries are stored as single writes are (`Backup.keep_copy`): refused unless this
node is that copy of that ownership, and dropped if a newer one is there.
"""

import logging
from collections.abc import Sequence

from gridcache.cluster.handover.legacy import merge_records
from gridcache.cluster.handover.parcel import Meta, opened
from gridcache.cluster.home.backup import Backup
from gridcache.cluster.home.done import merge_notes
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.cluster.table.placement import partition_of
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.node_store import NodeStore
from gridcache.store.writer import Order

__all__ = ["Copies"]

_logger = logging.getLogger("gridcache")


class Copies:
    """Takes what fills the copies at one node."""

    def __init__(self, store: NodeStore, backup: Backup) -> None:
        self._store = store
        self._backup = backup

    def take(
        self, _session: Session, meta: Meta, buffers: Sequence[memoryview]
    ) -> Answer:
        """Store many entries; answers with the partitions that are not kept here."""
        terms = dict(meta["terms"])
        refused: set[int] = set()
        with self._store.batch():
            for order in opened(self._store, meta, buffers):
                partition = partition_of(order.space.name, order.key)
                pair = terms.get(partition)  # None: refused in an earlier message
                if pair and not self._keep(order, (pair[0], pair[1])):
                    del terms[partition]
                    refused.add(partition)
        return Answer({"refused": list(refused)})

    def _keep(self, order: Order, terms: tuple[int, int]) -> bool:
        try:
            self._backup.keep_copy(order, terms, 0)
        except MovedError:
            return False
        except (ValueTooLargeError, OutOfSpaceError) as error:
            _logger.warning("no room for the copy of %r: %s", order.key, error)
        return True

    def take_legacy(
        self, _session: Session, meta: Meta, buffers: Sequence[memoryview]
    ) -> Answer:
        """Remember writes that were carried out, and deletes."""
        merge_records(self._store, meta)
        for notes in buffers:
            merge_notes(self._store, notes)
        return Answer()
