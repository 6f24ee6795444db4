"""Home: a look at a key on the node that it is asked of.

What is read counts only if the node may serve it at a moment after the bytes were
read (or leased): immutable entries always, mutable ones under the term they were
written under and within the lease. A miss counts under the same rule.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from gridcache.cluster.home import directory
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import partition_of, partition_of_entry
from gridcache.cluster.tier.tier_access import tier_of
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import EntryInfo, Explanation, Hit, Miss, MissReason
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
        self._tier = tier_of(store)

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
        key, long_key = entry_key(space.id, text)
        partition = partition_of_entry(space.name, key)
        term = self._standing.term(partition)
        found = self._store.get(key, long_key, view=view, raw=raw, count=count)
        if type(found) is Miss and (tier := self._tier.open()) is not None:
            found = tier.find(space, text, view=view, raw=raw, count=count) or found
        return self.judge(key, found, partition, term)

    def held(self, space: Namespace, text: str) -> Hit | Miss:
        """Read an immutable copy that lies here, whoever is its home."""
        found = self._store.get(*entry_key(space.id, text), raw=True)
        if isinstance(found, Hit) and found.immutable:
            return found
        tier = self._tier.open()
        demoted = tier.find(space, text, raw=True) if tier is not None else None
        miss = found if isinstance(found, Miss) else Miss(MissReason.NEVER_STORED)
        return demoted or miss

    def body(self, space: Namespace, text: str, generation: int) -> Hit | None:
        """Read what has a generation, in memory or demoted."""
        found = self._store.get(*entry_key(space.id, text), raw=True, count=False)
        if isinstance(found, Hit) and found.generation == generation:
            return found
        tier = self._tier.open()
        demoted = tier.find(space, text, raw=True) if tier is not None else None
        same = demoted is not None and demoted.generation == generation
        return demoted if same else None

    # -- what is known of it -----------------------------------------------

    def entry(self, space: Namespace, text: str) -> Entry | Miss:
        """Find the entry of a key, in memory or demoted to this node's disk."""
        found = self._store.find(space, text)
        if isinstance(found, Miss) and (tier := self._tier.open()) is not None:
            return tier.entry(space, text) or found
        return found

    def entries(
        self, space: Namespace, prefix: str = "", after: str = ""
    ) -> Iterator[tuple[str, Entry]]:
        """List entries that count here, by text key: in memory or demoted."""
        tier = self._tier.open()
        sources = [self._store.entries(space, prefix, after)]
        if tier is not None:
            sources.append(tier.entries(space, prefix, after))
        last = None
        for text, entry in heapq.merge(*sources, key=_in_order):
            if text != last and self.shows(space, text, entry):
                yield text, entry
                last = text

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

    def change(self, space: Namespace, text: str, **changes: Any) -> bool:
        """Pin, unpin or renew what counts here; False if nothing does."""
        entry = self._store.find(space, text)
        there = isinstance(entry, Entry) and self.shows(space, text, entry)
        done = there and self._store.change(space, text, **changes)
        # The memory first: whoever demotes it meanwhile looks there, see `Tier`.
        tier = self._tier.open()
        return (tier is not None and tier.change(space, text, **changes)) or done

    def info(self, space: Namespace, text: str) -> EntryInfo | None:
        """Describe the entry that counts here; None if none does."""
        entry, tier = self._store.find(space, text), self._tier.open()
        below = None if tier is None else tier.info(space, text)
        if not isinstance(entry, Entry):
            return below
        here = self._store.info(space, text)
        if here is None or not self.shows(space, text, entry):
            return None
        return replace(here, pinned=here.pinned or (below is not None and below.pinned))

    def explain(self, space: Namespace, text: str) -> tuple[Explanation, bool]:
        """Say why a key is here or not, and whether it counts."""
        entry = self._store.find(space, text)
        told = self._store.inspector.explain(space, text)
        if isinstance(entry, Entry):
            return told, self.shows(space, text, entry)
        tier = self._tier.open()
        demoted = None if tier is None else tier.explain(space, text)
        return (told, False) if demoted is None else (demoted, True)

    def shows(self, space: Namespace, text: str, entry: Entry) -> bool:
        """True if an entry of this store counts: for listings."""
        if entry.stamp.flags & IMMUTABLE:
            return True
        partition, term = partition_of(space.name, text), entry.stamp.term
        standing = self._standing
        return standing.serves(partition, term) or standing.hands_over(partition, term)


def _in_order(listed: tuple[str, Entry]) -> bytes:
    return listed[0].encode("utf-8", "surrogatepass")
