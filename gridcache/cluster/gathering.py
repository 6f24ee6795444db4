"""Gathering: what a store has of some partitions, found in short steps.

A key's partition is a hash of its name: so every key is hashed, a third of a
microsecond each, and only what lies in a wanted partition is unpacked. A step ends
its read transaction, since an old one keeps old pages; what is put or removed
between two steps may or may not be found.
"""

from collections.abc import Callable, Collection, Iterator
from itertools import islice
from typing import Any, NamedTuple

import xxhash

from gridcache.cluster.directory import Record
from gridcache.cluster.placement import PARTITIONS, partition_of
from gridcache.errors import CorruptFramesError
from gridcache.store.namespaces import Namespace, all_namespaces
from gridcache.store.node_store import NodeStore
from gridcache.store.records import Entry, entry_key, entry_text
from gridcache.store.transaction import WriteTxn

__all__ = ["Found", "Known", "Wanted", "entries", "entry_step", "record_step"]

_KEYS = 2048
"""Hashed in one transaction: less than a millisecond."""
_BATCH = 64
"""Unpacked in one transaction."""
_SHORTENED, _ = entry_key(0, "k" * 1000)
_MARK_AT = _SHORTENED.index(b"\xff")


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
    text: str
    partition: int
    record: Record


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
        keys = list(_keys(txn, txn.tables.entries, after))
        for key, space, partition in keys:
            if partition >= 0 and partition not in partitions:
                continue
            one = _found(store, txn, (key, space, partition))
            if one and one.partition in partitions and wanted(one.partition, one.entry):
                found.append(one)
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
    """Look at the next records of a store's directory, as `entry_step` does.

    A key too long for the index is not found: its record does not tell it.
    """

    def work(txn: WriteTxn) -> tuple[list[Known], bytes | None]:
        found: list[Known] = []
        keys = list(_keys(txn, txn.tables.holders, after))
        for key, space, partition in keys:
            if partition in partitions:
                packed = txn.get(key, db=txn.tables.holders)
                text = key[2:].decode("utf-8", "surrogatepass")
                found.append(Known(space, text, partition, Record.unpack(packed)))
        return found, _last(keys)

    return store.snapshot(work)


def _keys(
    txn: WriteTxn, table: Any, after: bytes | None
) -> Iterator[tuple[bytes, Namespace, int]]:
    """Keys of a table with their partitions; -1 for one that is shortened."""
    spaces = {
        space.prefix: (space, f"{space.name}\0".encode("utf-8", "surrogatepass"))
        for space in all_namespaces(txn)
    }
    digest = xxhash.xxh3_64_intdigest
    with txn.txn.cursor(table) as cursor:
        if not (cursor.set_range(after + b"\0") if after else cursor.first()):
            return
        for key in islice(cursor.iternext(values=False), _KEYS):
            space, name = spaces[key[:2]]
            if len(key) == len(_SHORTENED) and key[_MARK_AT] == 0xFF:  # noqa: PLR2004
                yield key, space, -1
            else:
                yield key, space, digest(name + key[2:]) % PARTITIONS


def _last(keys: list[tuple[bytes, Namespace, int]]) -> bytes | None:
    return keys[-1][0] if len(keys) == _KEYS else None


def _found(
    store: NodeStore, txn: WriteTxn, at: tuple[bytes, Namespace, int]
) -> Found | None:
    key, space, partition = at
    try:
        entry = store.entry_in(txn, key)
    except CorruptFramesError:
        return None
    if entry is None:
        return None
    if partition < 0:
        partition = partition_of(space.name, entry_text(key, entry))
    return Found(space, key, partition, entry)
