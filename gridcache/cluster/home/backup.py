"""Backup: writes as a copy of a partition keeps them, for the day it is the owner."""

from gridcache.cluster.home.done import note_done
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import partition_of
from gridcache.store.node_store import NodeStore
from gridcache.store.records import REPLICATED, Stamp, entry_key
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["Backup"]


class Backup:
    """Writes at this node, for the partitions it keeps copies of."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    def keep_copy(self, order: Order, terms: tuple[int, int], token: int) -> int:
        """Store a write; returns 0, or the number of a newer one that is here.

        Parameters
        ----------
        terms
            Of the owner and of this copy, as the owner believes.

        Raises
        ------
        MovedError
            This node is no copy of that ownership.
        """
        partition = partition_of(order.space.name, order.key)
        key, _ = entry_key(order.space.id, order.key)
        origin, newer = order.stamp.origin, [0]

        def guard(txn: WriteTxn) -> bool:
            self._refuse_unless_copy(partition, terms)
            old = self._store.entry_in(txn, key)
            mine = old is not None and old.stamp.term == terms[1]
            newer[0] = 0
            if mine and old is not None and old.stamp.origin >= origin:
                newer[0] = old.stamp.origin
                return False
            note_done(txn, token, terms[1])
            self._standing.note_replicated(partition)
            return True

        stamp = Stamp(terms[1], origin, order.stamp.flags | REPLICATED)
        self._store.put(order._replace(stamp=stamp, fence=guard))
        return newer[0]

    def _refuse_unless_copy(self, partition: int, terms: tuple[int, int]) -> None:
        standing = self._standing
        view = standing.view()
        if (
            standing.copy_term(partition) != terms[1]
            or view.epoch != standing.epoch
            or view.terms[partition] != terms[0]
        ):
            raise MovedError
