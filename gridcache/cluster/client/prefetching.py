"""Prefetching: immutable values of other nodes, brought to this one in the background.

The homes are asked how large the values are, then batches are fetched that together
never have more than a few MiB on their way; a large value goes alone, from arena to
arena. What has come is leased, so that it stays until it is used.
"""

import logging
from collections.abc import Iterator, Sequence

from gridcache.cluster.client.far import Far
from gridcache.cluster.client.local import Local, Patience
from gridcache.cluster.home.items import LARGE, space_meta
from gridcache.cluster.tier.sizes import ELSEWHERE, NONE
from gridcache.errors import GridCacheError
from gridcache.prefetch import Prefetch
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import IMMUTABLE, Entry, entry_key

__all__ = ["Prefetching"]

_BATCH_NBYTES = 16 << 20
"""Bodies on their way at a time."""
_BATCH = 500
"""Keys on their way at a time, and in one question."""
_ASK_S = 4.0
_logger = logging.getLogger("gridcache")


class Prefetching:
    """What one prefetch does, in its own thread."""

    def __init__(self, store: NodeStore, local: Local, space: Namespace) -> None:
        self._store = store
        self._local = local
        self._space = space
        self._far = Far(store, local)

    def bring(self, texts: Sequence[str], prefetch: Prefetch) -> None:
        """Bring values until all are here, none is to be had, or it was canceled."""
        for start in range(0, len(texts), _BATCH):
            if prefetch.canceled:
                return
            try:
                self._bring_some(texts[start : start + _BATCH], prefetch)
            except (GridCacheError, OSError):
                _logger.debug("a prefetch goes on without some keys", exc_info=True)

    def _bring_some(self, texts: Sequence[str], prefetch: Prefetch) -> None:
        away = [text for text in texts if not self._is_here(text, prefetch)]
        sizes = self._sizes(away)
        prefetch.note(absent=len(away) - len(sizes))
        for batch in _batches(sizes):
            if prefetch.canceled:
                return
            self._far.get_many(self._space, batch)
            there = [text for text in batch if self._is_here(text, prefetch)]
            prefetch.note(absent=len(batch) - len(there))

    def _is_here(self, text: str, prefetch: Prefetch) -> bool:
        """Note, and hold, what lies in this node's memory; the disk's comes back."""
        entry = self._store.find(self._space, text)
        tier = self._local.tier.open()
        if not isinstance(entry, Entry) and tier is not None:
            tier.fetch(self._space, text)
            entry = self._store.find(self._space, text)
        if not isinstance(entry, Entry) or not entry.stamp.flags & IMMUTABLE:
            return False
        prefetch.note(here=1, held=self._leased(text))
        return True

    def _leased(self, text: str) -> Hit | None:
        """Hold a value as far as leases go; a copy would hold nothing."""
        key, long_key = entry_key(self._space.id, text)
        found = self._store.get(key, long_key, raw=True, count=False)
        return found if isinstance(found, Hit) and found.leased else None

    # -- sizes -------------------------------------------------------------

    def _sizes(self, texts: Sequence[str]) -> dict[str, int]:
        """Ask homes how large immutable values are; what is none is left out."""
        sizes: dict[str, int] = {}
        waiting, patience = list(texts), Patience(_ASK_S)
        while waiting:
            told = self._ask(waiting)
            sizes |= {text: size for text, size in told.items() if size != NONE}
            waiting = [text for text in waiting if text not in told]
            if waiting and not patience.wait():
                break
        return sizes

    def _ask(self, texts: Sequence[str]) -> dict[str, int]:
        groups: dict[int, list[str]] = {}
        for text in texts:
            _, _, owner = self._local.owner_of(self._space.name, text)
            if owner is not None:
                groups.setdefault(owner.number, []).append(text)
        meta = {"space": space_meta(self._space)}
        metas = {number: {**meta, "keys": some} for number, some in groups.items()}
        told: dict[str, int] = {}
        for number, answer in self._local.ask("sizes", metas).items():
            told |= zip(groups[number], answer.meta["sizes"], strict=True)
        return {text: size for text, size in told.items() if size != ELSEWHERE}


def _batches(sizes: dict[str, int]) -> Iterator[list[str]]:
    batch: list[str] = []
    nbytes = 0
    for text, size in sizes.items():
        # A large body does not pass through this process.
        bodies = size if size <= LARGE else 0
        if batch and nbytes + bodies > _BATCH_NBYTES:
            yield batch
            batch, nbytes = [], 0
        batch.append(text)
        nbytes += bodies
    if batch:
        yield batch
