"""Spill desk: what a node answers others that are short of memory.

It says how much of its own is idle, and what its ladder has done; it takes copies as
far as there is room, and as the home of their keys notes who holds them now.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from gridcache.cluster.home import directory
from gridcache.cluster.home.items import local_space, order_from, taken
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.home.registry import Claim, Registry
from gridcache.cluster.streams.incoming import Incoming
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.cluster.tier.admission import spare_nbytes
from gridcache.cluster.tier.rooms import idle_nbytes
from gridcache.cluster.tier.tier_report import tier_report
from gridcache.codec.frames import Frames, Poured
from gridcache.errors import GridCacheError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry, Stamp, entry_key
from gridcache.store.transaction import WriteTxn

__all__ = ["DELETED", "HAD", "KNOWN", "REFUSED", "TOOK", "SpillDesk"]

REFUSED, TOOK, HAD = range(3)
"""Of a copy: no room, or its key was deleted; stored; here already."""
KNOWN, DELETED, MOVED = "known", "deleted", "moved"
"""Of a claim: noted; the copy must go; this is not the home."""


class SpillDesk:
    """What a node answers others who are short of memory."""

    def __init__(self, store: NodeStore, registry: Registry) -> None:
        self._store = store
        self._registry = registry
        self.handlers = {
            "room": self._room,
            "tier": self._tier,
            "spill": self._spill,
            "settle": self._settle,
        }
        self.streams = {"spill_one": self._spill_one}

    def _room(self, _session: Session, _meta: Meta, _buffers: Any) -> Answer:
        spare = spare_nbytes(self._store)
        return Answer({"idle": idle_nbytes(self._store), "spare": spare})

    def _tier(self, _session: Session, _meta: Meta, _buffers: Any) -> Answer:
        return Answer(tier_report(self._store))

    def _spill(self, _session: Session, meta: Meta, buffers: Sequence[Any]) -> Answer:
        """Take several copies, as far as there is room."""
        space, left = local_space(self._store, meta["space"]), iter(buffers)
        told: list[int] = []
        for item in meta["items"]:
            header, *parts = [next(left) for _ in range(item["buffers"])]
            body, raw = tuple(parts), item["raw"]
            frames = Frames(bytes(header), body, item["viewable"], raw)
            told.append(self._take(space, item, frames))
        return Answer({"taken": told})

    def _spill_one(self, _session: Session, meta: Meta, incoming: Incoming) -> Answer:
        """Take one copy, from arena to arena if it is large."""
        space = local_space(self._store, meta["space"])
        if sum(incoming.lengths) > idle_nbytes(self._store):
            return Answer({"taken": [REFUSED]})
        return Answer({"taken": [self._take(space, meta, taken(incoming, meta))]})

    def _take(self, space: Namespace, meta: Meta, frames: Frames | Poured) -> int:
        if frames.body_nbytes > idle_nbytes(self._store):
            return REFUSED
        key, _ = entry_key(space.id, meta["key"])

        def is_new(txn: WriteTxn) -> bool:
            known = directory.load(txn, key)
            if known is not None and known.edition > meta["origin"]:
                return False
            return self._store.entry_in(txn, key) is None

        order = order_from(_unending(space), meta, frames)
        order = order._replace(stamp=Stamp(0, meta["origin"], IMMUTABLE), fence=is_new)
        if self._store.put(order) is not None:
            return TOOK
        found = self._store.find(space, meta["key"])
        had = isinstance(found, Entry) and found.stamp == order.stamp
        if had and order.pinned:  # a copy that was read here may be evicted
            had = self._store.change(space, order.key, pinned=True)
        return HAD if had else REFUSED

    def _settle(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        """As the home: note that a member holds copies."""
        space = local_space(self._store, meta["space"])
        settled = [
            self._settle_one(space, text, Claim(meta["member"], edition, 0, nbytes))
            for text, edition, nbytes in meta["items"]
        ]
        return Answer({"settled": settled})

    def _settle_one(self, space: Namespace, text: str, claim: Claim) -> str:
        try:
            edition = self._registry.register(space, text, claim)
        except (MovedError, GridCacheError):
            return MOVED
        return DELETED if edition is None else KNOWN


def _unending(space: Namespace) -> Namespace:
    """Give a namespace whose entries do not begin to end here if they never did."""
    return replace(space, ttl_s=None)
