"""Home: a look at a key on the node that it is asked of.

What is read counts only if the node may serve it at a moment after the bytes were
read (or leased): immutable entries always, mutable ones under the term they were
written under and within the lease. A miss counts under the same rule.
"""

from dataclasses import dataclass

from gridcache.cluster import directory
from gridcache.cluster.placement import partition_of
from gridcache.cluster.standing import Standing
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit, Miss, MissReason
from gridcache.store.records import IMMUTABLE, Entry, entry_key

__all__ = ["Held", "Home", "Moved"]


@dataclass(frozen=True, slots=True)
class Held:
    """An immutable value that lies elsewhere."""

    holders: tuple[int, ...]
    """Members."""


@dataclass(frozen=True, slots=True)
class Moved:
    """Not served here now: look at a newer view, or wait."""


_MOVED = Moved()


class Home:
    """Looks at one node's store by the grid's rules."""

    def __init__(self, store: NodeStore, standing: Standing) -> None:
        self._store = store
        self._standing = standing

    def look(
        self,
        space: Namespace,
        text: str,
        *,
        view: bool = True,
        raw: bool = False,
        count: bool = True,
    ) -> Hit | Miss | Held | Moved:
        """What this node says of a key; options as for the store's `get`."""
        partition = partition_of(space.name, text)
        term = self._standing.term(partition)
        key, long_key = entry_key(space.id, text)
        found = self._store.get(key, long_key, view=view, raw=raw, count=count)
        return self.judge(key, found, partition, term)

    def judge(
        self, key: bytes, found: Hit | Miss, partition: int, term: int
    ) -> Hit | Miss | Held | Moved:
        """What a read counts for, before which the partition had a term here."""
        serves = self._standing.serves
        if type(found) is Hit and (found.immutable or serves(partition, found.term)):
            return found
        if not term:
            return _MOVED
        known = self._store.snapshot(lambda txn: directory.load(txn, key))
        if not serves(partition, term):
            return _MOVED
        if known is not None and known.holders:
            return Held(known.holders)
        miss = found if isinstance(found, Miss) else Miss(MissReason.NEVER_STORED)
        return self._explained(miss, partition)

    def _explained(self, miss: Miss, partition: int) -> Miss:
        """Name the loss of the node that may have had the key."""
        lost_at = float(self._standing.view().lost_at[partition])
        if not lost_at or (
            miss.reason is not MissReason.NEVER_STORED and miss.at > lost_at
        ):
            return miss
        return Miss(MissReason.NODE_LOST, lost_at)

    def shows(self, space: Namespace, text: str, entry: Entry) -> bool:
        """True if an entry of this store counts: for listings."""
        if entry.stamp.flags & IMMUTABLE:
            return True
        partition = partition_of(space.name, text)
        return self._standing.serves(partition, entry.stamp.term)
