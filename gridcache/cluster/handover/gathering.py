"""Gathering: what a store has of some partitions, found in short steps.

A key's partition is a hash of its name: so every key is hashed, a third of a
microsecond each, and only what lies in a wanted partition is unpacked. A step ends
its read transaction, since an old one keeps old pages; what is put or removed
between two steps may or may not be found.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

from gridcache.cluster.home.directory import Record
from gridcache.cluster.table.placement import partitions_of
from gridcache.errors import CorruptFramesError
from gridcache.store.namespaces import Namespace, all_namespaces
from gridcache.store.node_store import NodeStore
from gridcache.store.records import Entry, entry_text
from gridcache.store.transaction import WriteTxn

__all__ = ["Found", "Known", "Wanted", "entries", "entry_step", "record_step"]

_KEYS = 2048
"""Hashed in one transaction: less than a millisecond."""
_BATCH = 64
"""Unpacked in one transaction."""


class Found(NamedTuple):
    """An entry of a wanted partition."""

    space: Namespace
    key: bytes
    partition: int
    entry: Entry

    @property
    def text(self) -> str:
        """Its key as users know it."""
        return entry_text(self.key, self.entry)


class Known(NamedTuple):
    """A record of the directory, of a wanted partition."""

    space: Namespace
    key: bytes
    partition: int
    record: Record

    @property
    def name(self) -> bytes:
        """Its key, whatever the number of its namespace in a store."""
        return self.key[2:]


Wanted = Callable[[int, Entry], bool]
"""Asked with the partition and the entry of a key in a wanted partition."""


def entry_step(
    store: NodeStore,
    partitions: Collection[int],
    wanted: Wanted,
    after: bytes | None = b"",
) -> tuple[list[Found], bytes | None]:
    """Look at the next keys of a store.

    Returns
    -------
    tuple[list[Found], bytes | None]
        What is wanted of them, and where to go on; None at the end.
    """

    def work(txn: WriteTxn) -> tuple[list[Found], bytes | None]:
        found: list[Found] = []
        keys = _keys(txn, txn.tables.entries, after)
        for key, space, partition in keys:
            if partition in partitions:
                entry = _entry_in(store, txn, key)
                if entry is None or not wanted(partition, entry):
                    continue
                found.append(Found(space, key, partition, entry))
                if len(found) == _BATCH:
                    return found, key
        return found, _last(keys)

    return store.snapshot(work)


def entries(
    store: NodeStore, partitions: Collection[int], wanted: Wanted
) -> Iterator[Found]:
    """Look at all keys of a store, step by step."""
    after: bytes | None = b""
    while after is not None:
        found, after = entry_step(store, partitions, wanted, after)
        yield from found


def record_step(
    store: NodeStore, partitions: Collection[int], after: bytes | None = b""
) -> tuple[list[Known], bytes | None]:
    """Look at the next records of a store's directory, as `entry_step` does."""

    def work(txn: WriteTxn) -> tuple[list[Known], bytes | None]:
        keys = _keys(txn, txn.tables.holders, after)
        get, table = txn.get, txn.tables.holders
        found = [
            Known(space, key, partition, Record.unpack(get(key, db=table)))
            for key, space, partition in keys
            if partition in partitions
        ]
        return found, _last(keys)

    return store.snapshot(work)


def _keys(
    txn: WriteTxn, table: Any, after: bytes | None
) -> list[tuple[bytes, Namespace, int]]:
    """The next keys of a table, with their partitions."""
    spaces = {
        space.prefix: (space, partitions_of(space.name))
        for space in all_namespaces(txn)
    }
    with txn.txn.cursor(table) as cursor:
        if not (cursor.set_range(after + b"\0") if after else cursor.first()):
            return []
        return [
            (key, space, partition_of(key))
            for key in islice(cursor.iternext(values=False), _KEYS)
            for space, partition_of in (spaces[key[:2]],)
        ]


def _last(keys: list[tuple[bytes, Namespace, int]]) -> bytes | None:
    return keys[-1][0] if len(keys) == _KEYS else None


def _entry_in(store: NodeStore, txn: WriteTxn, key: bytes) -> Entry | None:
    try:
        return store.entry_in(txn, key)
    except CorruptFramesError:
        return None
