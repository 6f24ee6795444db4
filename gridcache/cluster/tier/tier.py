"""Tier: a node's disk, below its memory.

A second store, on disk. It holds copies of immutable entries that had to leave the
memory, or that it has never had room for, under their stamps: the node stays the
holder that it is registered as. A copy stays when its value is brought back, so that
the value can leave again for nothing. What is pinned is pinned here, and is not
evicted; brought back, it is not pinned in memory, since it is kept here. Opened by the
node's actor, and by a client when it misses something.

Three parties change where a value lies, without a lock over both stores:

- Who demotes writes to the disk under a fence that looks at the memory, inside the
  disk's write transaction, and takes the entry out of memory after that.
- Who promotes writes to memory under a fence that looks at the disk and at the
  record of deletes, inside the memory's write transaction.
- Who deletes notes that and removes the entry in one transaction of the memory, and
  then looks at the disk inside a write transaction of it.

So whatever is demoted before the delete is found by it, and whatever would be
demoted or promoted after it is refused.
"""

import time
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gridcache.cluster.handover.gathering import Found, entries
from gridcache.cluster.home import directory
from gridcache.cluster.home.items import hit_frames
from gridcache.cluster.tier.ladder import DISK
from gridcache.cluster.tier.tier_figures import Figures
from gridcache.errors import GridCacheError
from gridcache.store.coldest import Cold
from gridcache.store.namespaces import Namespace, find_namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import EntryInfo, Explanation, Hit
from gridcache.store.records import IMMUTABLE, Entry, entry_key
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Order

__all__ = ["Tier"]

_ROOMY = 0.85
"""Of the arena, up to which a value is promoted at its first use."""
_FULL = 0.90
"""Of the arena, from which nothing is promoted."""
_SECOND_USE = 3
"""Uses, where the put counted as one."""
_SAME_S = 1.0
"""Two ends of one life may differ by this: times to live are rounded."""


class Tier:
    """The disk store of a node, as one process has it open.

    Parameters
    ----------
    memory
        The node's own store.
    store
        On disk; its entries' namespaces have the names and settings of the
        memory's, but their own numbers.
    """

    def __init__(self, memory: NodeStore, store: NodeStore) -> None:
        self._memory = memory
        self.store = store
        self.figures = Figures(memory.directory)
        self._spaces: dict[str, Namespace] = {}

    # -- reading -----------------------------------------------------------

    def entry(self, space: Namespace, text: str) -> Entry | None:
        """Look at the entry of a key; counts as no use."""
        own = self._space(space.name)
        if own is None:
            return None
        found = self.store.find(own, text)
        immutable = isinstance(found, Entry) and found.stamp.flags & IMMUTABLE
        return found if immutable else None  # type: ignore[return-value]

    def find(
        self,
        space: Namespace,
        text: str,
        *,
        view: bool = True,
        raw: bool = False,
        count: bool = True,
    ) -> Hit | None:
        """Read a key's frames; options as for the store's `get`."""
        if self.entry(space, text) is None:
            return None
        own = self._spaces[space.name]
        key, long_key = entry_key(own.id, text)
        found = self.store.get(key, long_key, view=view, raw=raw, count=count)
        return found if isinstance(found, Hit) and found.immutable else None

    def use(
        self, space: Namespace, text: str, *, view: bool = True, count: bool = True
    ) -> Hit | None:
        """Read a key's frames for a client of this node, and promote its value.

        At the first use where the memory has room, else at the second.
        """
        started = time.perf_counter()
        found = self.find(space, text, view=view, count=count)
        entry = self.entry(space, text) if found is not None and count else None
        if found is None or entry is None or entry.generation != found.generation:
            return found
        if self._is_due(entry):
            with suppress(GridCacheError):  # no room for it: it stays on disk
                if self._promote(space, text, entry, found):
                    passed_s = time.perf_counter() - started
                    self.figures.measure(DISK, passed_s, entry.extent_nbytes)
        return found

    def fetch(self, space: Namespace, text: str) -> bool:
        """Promote a value at once; False if it is not here or there is no room."""
        found, entry = self.find(space, text, raw=True), self.entry(space, text)
        if found is None or entry is None or entry.generation != found.generation:
            return False
        with suppress(GridCacheError):
            return self._promote(space, text, entry, found)
        return False

    def info(self, space: Namespace, text: str) -> EntryInfo | None:
        """Describe a copy; None if there is none."""
        there = self.entry(space, text) is not None
        return self.store.info(self._spaces[space.name], text) if there else None

    def explain(self, space: Namespace, text: str) -> Explanation | None:
        """Say that a copy is here; None if there is none."""
        if self.entry(space, text) is None:
            return None
        told = self.store.inspector.explain(self._spaces[space.name], text)
        return replace(told, text=f"{told.text}, demoted to the node's disk")

    def entries(
        self, space: Namespace, prefix: str = "", after: str = ""
    ) -> Iterator[tuple[str, Entry]]:
        """List immutable entries by text key, as the store's `entries` does."""
        own = self._space(space.name)
        if own is not None:
            for text, entry in self.store.entries(own, prefix, after):
                if entry.stamp.flags & IMMUTABLE:
                    yield text, entry

    def of_partitions(self, partitions: Collection[int]) -> Iterator[Found]:
        """List immutable entries of partitions, under the memory's namespaces."""
        for found in entries(self.store, partitions, _is_immutable):
            space = self._memory.namespace(replace(found.space, id=0))
            key, _ = entry_key(space.id, found.text)
            yield found._replace(space=space, key=key)

    def sizes(self) -> dict[str, int]:
        """Entries, their bytes, and the capacity of the disk store."""
        stats = self.store.stats()
        return {
            "disk_entries": sum(space.entries for space in stats.namespaces),
            "disk_nbytes": sum(space.stored_nbytes for space in stats.namespaces),
            "disk_capacity_nbytes": stats.capacity_nbytes,
        }

    def _space(self, name: str) -> Namespace | None:
        known = self._spaces.get(name)
        if known is None:
            known = self.store.snapshot(lambda txn: find_namespace(txn, name))
            if known is not None:
                self._spaces[name] = known
        return known

    # -- down --------------------------------------------------------------

    def take(self, order: Order) -> int | None:
        """Store a new value here alone; returns its generation here.

        It is made known at the home of its key after this, as one in memory: if that
        was deleted meanwhile the home says so, and the copy goes.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            The disk has no room for it.
        """
        ttl_s = order.space.ttl_s if order.ttl_s is None else order.ttl_s
        own = self._space_for(order.space)
        return self.store.put(order._replace(space=own, ttl_s=ttl_s))

    def keep(self, cold: Cold) -> int | None:
        """Have a copy of an entry that lies in memory.

        Returns
        -------
        int | None
            Bytes written, 0 if the copy is still here from an earlier time. None if
            the entry is not that one any more; then there is no copy.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            The disk has no room for it.
        """
        if self._has(cold):
            return 0
        hit = self._memory.get(cold.key, cold.entry.long_key, raw=True, count=False)
        entry = self._memory.snapshot(lambda txn: self._memory.entry_in(txn, cold.key))
        if not isinstance(hit, Hit) or entry is None or not _match(cold, hit, entry):
            return None

        own = self._space_for(cold.space)
        key, _ = entry_key(own.id, cold.text)

        def still(txn: WriteTxn) -> bool:
            found = self._memory.snapshot(
                lambda txn: self._memory.entry_in(txn, cold.key)
            )
            old = self.store.entry_in(txn, key)
            return (
                found is not None
                and found.generation == cold.entry.generation
                and found.pinned == entry.pinned
                and (old is None or old.stamp.origin <= entry.stamp.origin)
            )

        order = _order(own, cold.text, entry, hit)
        order = order._replace(pinned=entry.pinned, fence=still)
        kept = self.store.put(order) is not None
        return entry.extent_nbytes if kept else None

    def _has(self, cold: Cold) -> bool:
        """True, and renewed, if the value is here since an earlier demotion."""
        found, entry = self.entry(cold.space, cold.text), cold.entry
        if (
            found is None
            or found.stamp.origin != entry.stamp.origin
            or abs(found.expires - entry.expires) > _SAME_S
            or (entry.pinned and not found.pinned)
        ):
            return False
        self.store.cold.renew(found)
        return True

    def _space_for(self, space: Namespace) -> Namespace:
        """Find or make the namespace here, with the settings it has in memory.

        What is written gets neither its quota nor its time to live: the one is the
        memory's, the other an entry has by now or not at all.
        """
        known = self._space(space.name)
        if known is None:
            known = self.store.namespace(replace(space, id=0))
        if known != replace(space, id=known.id):
            known = self.store.change_namespace(replace(space, id=known.id))
        self._spaces[space.name] = known
        return replace(known, quota_nbytes=None, ttl_s=None)

    # -- up ----------------------------------------------------------------

    def _is_due(self, entry: Entry) -> bool:
        fill = self._memory.cold.fill()
        share = (fill.used_nbytes + entry.extent_nbytes) / fill.limit_nbytes
        if share > _FULL:
            return False  # it would push out what has no copy yet; soon there is room
        return share <= _ROOMY or self.store.cold.uses(entry) >= _SECOND_USE

    def _promote(self, space: Namespace, text: str, entry: Entry, hit: Hit) -> bool:
        """Store a value in memory again; the copy here stays."""
        key, _ = entry_key(space.id, text)
        own, _ = entry_key(self._spaces[space.name].id, text)

        def still(txn: WriteTxn) -> bool:
            known = directory.load(txn, key)
            if known is not None and known.edition > entry.stamp.origin:
                return False
            if self._memory.entry_in(txn, key) is not None:
                return False
            found = self.store.snapshot(lambda txn: self.store.entry_in(txn, own))
            if found is None or found.generation != entry.generation:
                return False
            nbytes = entry.body_nbytes
            txn.after.append(lambda: self.figures.count("promoted", 1, nbytes))
            return True

        order = _order(replace(space, ttl_s=None), text, entry, hit)
        return self._memory.put(order._replace(fence=still)) is not None

    # -- out ---------------------------------------------------------------

    def drop(self, space: str, text: str, edition: int) -> bool:
        """Delete a copy of an older edition; True if there was one.

        The memory has none any more, and will have none: the caller saw to it.
        """
        own = self._space(space)
        if own is None:
            return False
        key, _ = entry_key(own.id, text)

        def is_older(_txn: WriteTxn, _key: bytes, entry: Entry | None) -> bool:
            return entry is not None and entry.stamp.origin < edition

        # A write transaction, so that whoever demotes it now has ended; but no sync
        # of the disk where there is nothing to delete.
        if self.store.transact(lambda txn: self.store.entry_in(txn, key)) is None:
            return False
        return self.store.delete(own, [text], is_older) > 0

    def change(self, space: Namespace, text: str, **changes: Any) -> bool:
        """Pin, unpin or renew a copy, after the one in memory; False if none is.

        Whoever demotes it now has ended, or sees what memory says by now: as `drop`.
        """
        own = self._space(space.name)
        if own is None:
            return False
        key, _ = entry_key(own.id, text)
        there = self.store.transact(lambda txn: self.store.entry_in(txn, key))
        return there is not None and self.store.change(own, text, **changes)


def _match(cold: Cold, hit: Hit, entry: Entry) -> bool:
    """True if frames and entry belong together: it may be compressed meanwhile."""
    return (
        hit.generation == entry.generation == cold.entry.generation
        and hit.body.nbytes == entry.body_nbytes
    )


def _order(space: Namespace, text: str, entry: Entry, hit: Hit) -> Order:
    return Order(
        space,
        text,
        hit_frames(hit, viewable=entry.viewable, raw_nbytes=entry.raw_nbytes),
        ttl_s=max(entry.expires - time.time(), 1e-3) if entry.expires else None,
        cost_s=entry.cost_s,
        tags=entry.tags,
        stamp=entry.stamp,
    )


def _is_immutable(_partition: int, entry: Entry) -> bool:
    return bool(entry.stamp.flags & IMMUTABLE)
