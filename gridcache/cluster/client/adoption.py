"""Adoption: what was in a store before its node joined a grid.

The first node of a grid owns every key, and its entries count as they lie. A later
one has put its own where other nodes are the home: they go there, unless the grid
has a value for the key already. Immutable ones stay and are registered.
"""

import logging
from collections.abc import Iterator

from gridcache.cluster.client.far import Far
from gridcache.cluster.client.homing import put_home
from gridcache.cluster.client.local import Local
from gridcache.cluster.home.items import entry_meta as meta_of
from gridcache.cluster.home.items import hit_frames, order_from
from gridcache.cluster.table.placement import partition_of
from gridcache.errors import GridCacheError
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Hit
from gridcache.store.records import Entry, entry_key

__all__ = ["adopt"]

_logger = logging.getLogger("gridcache")


def adopt(store: NodeStore, local: Local) -> int:
    """Bring plain entries of a store to their homes; returns how many went."""
    far, done = Far(store, local), 0
    for space in store.namespaces():
        for text, entry in _strangers(store, local, space):
            try:
                done += _bring(store, local, far, (space, text, entry))
            except (GridCacheError, OSError) as error:
                _logger.warning("%r was not taken into the grid: %s", text, error)
    return done


def _strangers(
    store: NodeStore, local: Local, space: Namespace
) -> Iterator[tuple[str, Entry]]:
    """Entries without a stamp that do not count where they lie."""
    for text, entry in store.entries(space):
        term, _, flags = entry.stamp
        if term or flags or text.startswith("\0"):
            continue
        if not local.standing.base_term(partition_of(space.name, text)):
            yield text, entry


def _bring(
    store: NodeStore, local: Local, far: Far, what: tuple[Namespace, str, Entry]
) -> bool:
    space, text, entry = what
    key, long_key = entry_key(space.id, text)
    found = store.get(key, long_key, raw=True, count=False)
    if not isinstance(found, Hit) or found.generation != entry.generation:
        return False
    frames = hit_frames(found, viewable=entry.viewable, raw_nbytes=entry.raw_nbytes)
    order = order_from(space, meta_of(key, entry), frames)
    if not isinstance(far.get_many(space, [text], bare=True)[0], Hit):
        put_home(far, local, order)
    _drop(store, space, text, found.generation)
    return True


def _drop(store: NodeStore, space: Namespace, text: str, generation: int) -> None:
    """Delete the plain entry, unless it was replaced by what counts."""
    store.delete(
        space,
        [text],
        lambda _txn, _key, old: old is not None and old.generation == generation,
    )
