"""Takeover: copies on a disk that must not come back, when a grid serves it again.

While no grid serves a store, caches use it as a plain one and know of no disk below.
What they deleted or replaced there meanwhile is dropped from the disk before anybody
reads it. They wrote nothing if the memory's last transaction is still the one that
was noted at the end.
"""

import json
from contextlib import suppress
from typing import Any

from gridcache.cluster.home.naming import write_private
from gridcache.store.namespaces import Namespace, find_namespace
from gridcache.store.node_store import NodeStore
from gridcache.store.outcome import Miss, MissReason
from gridcache.store.records import IMMUTABLE, Entry

__all__ = ["note_end", "take_over"]

_FILE = "memory.json"


def note_end(memory: NodeStore, disk: NodeStore) -> None:
    """Remember how a memory was left."""
    content = json.dumps({"last": _last(memory)}).encode()
    write_private(disk.directory / _FILE, content)


def take_over(memory: NodeStore, disk: NodeStore) -> int:
    """Drop what the memory has deleted or replaced since; returns how many."""
    noted: Any = None
    with suppress(OSError, ValueError, KeyError):
        noted = json.loads((disk.directory / _FILE).read_bytes())["last"]
    (disk.directory / _FILE).unlink(missing_ok=True)
    if noted == _last(memory):
        return 0
    return sum(_drop_stale(memory, disk, space) for space in disk.namespaces())


def _drop_stale(memory: NodeStore, disk: NodeStore, space: Namespace) -> int:
    known = memory.snapshot(lambda txn: find_namespace(txn, space.name))
    if known is None:
        return 0
    stale = [
        text
        for text, entry in disk.entries(space)
        if _is_stale(memory.find(known, text), entry)
    ]
    return disk.delete(space, stale)


def _is_stale(found: Entry | Miss, copy: Entry) -> bool:
    if isinstance(found, Miss):
        return found.reason is MissReason.DELETED and found.at >= copy.created
    immutable = found.stamp.flags & IMMUTABLE
    return not immutable or found.stamp.origin > copy.stamp.origin


def _last(memory: NodeStore) -> list[Any]:
    """Which memory it is, and its last transaction."""
    made = (memory.directory / "superblock").stat().st_ino
    return [made, memory.snapshot(lambda txn: txn.txn.id())]
