"""Plain: the store of a node that has left its grid in order, as a single one again.

What the node was home of stays, without the stamps of the grid; copies of what others
were home of, and deletes that held their place, go. Immutable entries stay as they
are. It can be interrupted and begun anew: the terms it goes by stay until the end.
"""

from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.placement import partition_of
from gridcache.store.namespaces import Namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.records import IMMUTABLE, PLAIN, Entry

__all__ = ["make_plain"]


def make_plain(store: NodeStore, standing: Standing) -> None:
    """Take the grid out of the entries of a store that serves no more."""
    for space in store.namespaces():
        for text, entry in store.entries(space):
            if not entry.stamp.flags & IMMUTABLE:
                _make_plain(store, standing, (space, text, entry))
    standing.forget(store)


def _make_plain(
    store: NodeStore, standing: Standing, what: tuple[Namespace, str, Entry]
) -> None:
    space, text, entry = what
    partition = partition_of(space.name, text)
    owned, base = standing.term(partition), standing.base_term(partition)
    term = entry.stamp.term or base
    if term and term != owned:
        store.delete(
            space,
            [text],
            lambda _txn, _key, old: (
                old is not None and old.generation == entry.generation
            ),
        )
    elif entry.stamp.term:
        store.restamp(space, text, entry.generation, PLAIN)
