"""Legacy: what a home knows of its keys besides their entries, for the next home.

That is which writes were carried out (a caller that got no answer asks again,
wherever the key has gone) and the directory of immutable entries. What comes is
merged with what is there, so it may come twice.
"""

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import islice
from struct import Struct
from typing import Any

from gridcache.cluster import directory
from gridcache.cluster.directory import Record
from gridcache.cluster.gathering import Known, record_step
from gridcache.cluster.items import local_space, space_meta
from gridcache.store.node_store import NodeStore
from gridcache.store.transaction import WriteTxn

__all__ = [
    "OVERLAP_S",
    "merge_records",
    "merge_tokens",
    "pack_records",
    "read_records",
    "read_tokens",
]

OVERLAP_S = 10
"""What is asked for `since` a time goes back so far: clocks are set back at times."""
_TOKENS_S = 60
"""How old a write may be that somebody still asks for again."""
_ROW = Struct(">8sQ")
_ROWS = 4096
"""Looked at in one transaction."""
_MERGED = 256
"""Rows and records written in one transaction."""


def read_tokens(store: NodeStore, since_s: int = 0) -> bytes:
    """Return the writes that were carried out lately, by their ages.

    Parameters
    ----------
    since_s
        By this host's time of day; those before it are left out.
    """
    rows: list[bytes] = []
    after: bytes | None = b""
    oldest = max(since_s, int(time.time()) - _TOKENS_S)
    while after is not None:
        step = _token_step(store, after, oldest)
        rows += step[0]
        after = step[1]
    return b"".join(rows)


def _token_step(
    store: NodeStore, after: bytes, oldest: int
) -> tuple[list[bytes], bytes | None]:
    def work(txn: WriteTxn) -> tuple[list[bytes], bytes | None]:
        now, rows, token, looked = int(time.time()), list[bytes](), b"", 0
        with txn.txn.cursor(txn.tables.ops) as cursor:
            if not (cursor.set_range(after + b"\0") if after else cursor.first()):
                return rows, None
            for token, value in islice(cursor, _ROWS):
                at = int.from_bytes(value, "little")
                looked += 1
                if at >= oldest:
                    rows.append(_ROW.pack(token, max(now - at, 0)))
        return rows, token if looked == _ROWS else None

    return store.snapshot(work)


def merge_tokens(store: NodeStore, packed: bytes | memoryview) -> None:
    """Remember what `read_tokens` found at another node."""
    rows = list(_ROW.iter_unpack(packed))
    now = int(time.time())
    for start in range(0, len(rows), _MERGED):
        batch = rows[start : start + _MERGED]

        def work(txn: WriteTxn, batch: list[Any] = batch) -> None:
            for token, age_s in batch:
                if txn.get(token, db=txn.tables.ops) is None:
                    at = (now - age_s).to_bytes(8, "little")
                    txn.put(token, at, db=txn.tables.ops)

        store.transact(work)


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
