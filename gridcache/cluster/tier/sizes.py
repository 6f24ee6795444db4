"""Sizes: how large immutable values are, as the home of their keys knows.

For whoever fetches many and must bound what is on its way.
"""

from typing import Any

from gridcache.cluster.home import directory
from gridcache.cluster.home.home import Home
from gridcache.cluster.home.items import local_space
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.cluster.table.placement import partition_of
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, Entry, entry_key

__all__ = ["ELSEWHERE", "NONE", "SizesDesk"]

NONE = -1
"""No immutable value."""
ELSEWHERE = -2
"""This is not the key's home."""


class SizesDesk:
    """What a home answers about the sizes of values."""

    def __init__(self, store: NodeStore, standing: Standing, home: Home) -> None:
        self._store = store
        self._standing = standing
        self._home = home
        self.handlers = {"sizes": self._sizes}

    def _sizes(self, _session: Session, meta: Meta, _buffers: Any) -> Answer:
        space = local_space(self._store, meta["space"])
        return Answer({"sizes": [self._size(space, text) for text in meta["keys"]]})

    def _size(self, space: Namespace, text: str) -> int:
        entry = self._home.entry(space, text)
        if isinstance(entry, Entry) and entry.stamp.flags & IMMUTABLE:
            return entry.body_nbytes
        key, _ = entry_key(space.id, text)
        known = self._store.snapshot(lambda txn: directory.load(txn, key))
        if not self._standing.term(partition_of(space.name, text)):
            return ELSEWHERE
        return known.nbytes if known is not None and known.holders else NONE
