"""Legacy: what a home's directory of immutable entries says, for the next home.

It is merged with what is there, so it may come twice.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from gridcache.cluster.handover.gathering import Known, record_step
from gridcache.cluster.home import directory
from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.items import local_space, space_meta
from gridcache.store.node_store import NodeStore
from gridcache.store.transaction import WriteTxn

__all__ = ["merge_records", "pack_records", "read_records"]

_MERGED = 256
"""Records written in one transaction."""


def read_records(
    store: NodeStore, partitions: Collection[int], *, deleted: bool = False
) -> list[Known]:
    """Return the directory of some partitions, or only of what was deleted."""
    found: list[Known] = []
    after: bytes | None = b""
    while after is not None:
        step, after = record_step(store, partitions, after)
        found += (one for one in step if one.record.deleted or not deleted)
    return found


def pack_records(records: Iterable[Known]) -> dict[str, Any]:
    """Return records as a message's meta."""
    spaces: dict[str, tuple[int, dict[str, Any]]] = {}
    rows: list[tuple[int, str, str]] = []
    for one in records:
        known = (len(spaces), space_meta(one.space))
        number, _ = spaces.setdefault(one.space.name, known)
        rows.append((number, one.name.hex(), one.record.pack().hex()))
    return {"spaces": [about for _, about in spaces.values()], "records": rows}


def merge_records(store: NodeStore, meta: dict[str, Any]) -> None:
    """Remember what another node's directory had."""
    spaces = [local_space(store, about) for about in meta["spaces"]]
    rows = meta["records"]
    for start in range(0, len(rows), _MERGED):
        batch = rows[start : start + _MERGED]

        def work(txn: WriteTxn, batch: Sequence[Any] = batch) -> None:
            for number, name, packed in batch:
                key = spaces[number].prefix + bytes.fromhex(name)
                _merge(txn, key, Record.unpack(bytes.fromhex(packed)))

        store.transact(work)


def _merge(txn: WriteTxn, key: bytes, record: Record) -> None:
    known = directory.load(txn, key)
    if known is not None and known.edition > record.edition:
        return
    if known is not None and known.edition == record.edition:
        holders = tuple(dict.fromkeys((*known.holders, *record.holders)))
        deleted = 0.0 if holders else max(known.deleted, record.deleted)
        record = replace(record, holders=holders, deleted=deleted)
    directory.save(txn, key, record)
