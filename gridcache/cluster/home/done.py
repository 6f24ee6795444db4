"""Done: which writes were carried out, so that a repeated one is not carried out again.

A caller that got no answer asks again, wherever the key has gone. So every write
has a token, noted in the transaction that stores it together with the term it was
stored under: a note counts where, and as long as, the entry written with it does.
Notes travel with entries, as they are when a partition moves or a copy is filled.
"""

import time
from collections.abc import Mapping
from itertools import islice
from struct import Struct
from typing import Any

from gridcache.store.node_store import NodeStore
from gridcache.store.transaction import WriteTxn

__all__ = ["forget_notes", "is_done", "merge_notes", "note_done", "read_notes"]

KEPT_S = 60
"""How long a write is known; nobody tries so long."""
_NOTE = Struct("<QQ")
_ROW = Struct(">8sQQ")
"""Token, age and term, on its way."""
_LOOKED_AT = 4096
"""Notes in one read transaction."""
_MERGED = 256
"""Notes in one write transaction."""


def note_done(txn: WriteTxn, token: int, term: int) -> None:
    """Remember a write in its own transaction; token 0 is of one without a name."""
    if token:
        note = _NOTE.pack(int(time.time()), term)
        txn.put(_packed(token), note, db=txn.tables.ops)


def is_done(txn: WriteTxn, token: int, term: int) -> bool:
    """True if a write has been carried out under this ownership."""
    note = txn.get(_packed(token), db=txn.tables.ops) if token else None
    return note is not None and _NOTE.unpack(note)[1] == term


def forget_notes(txn: WriteTxn, now: float, most: int = 256) -> int:
    """Drop what is known of writes that nobody repeats any more."""
    old = []
    with txn.txn.cursor(txn.tables.ops) as cursor:
        for token, note in cursor:
            if _NOTE.unpack(note)[0] + KEPT_S < now:
                old.append(token)
            if len(old) == most:
                break
    for token in old:
        txn.txn.delete(token, db=txn.tables.ops)
    return len(old)


def read_notes(store: NodeStore, terms: Mapping[int, int]) -> bytes:
    """Return the notes of some ownerships for another node.

    Parameters
    ----------
    terms
        Under which they count there, by the terms under which they count here.
    """
    rows: list[bytes] = []
    after: bytes | None = b""
    while after is not None:
        step, after = _step(store, terms, after)
        rows += step
    return b"".join(rows)


def _step(
    store: NodeStore, terms: Mapping[int, int], after: bytes
) -> tuple[list[bytes], bytes | None]:
    def work(txn: WriteTxn) -> tuple[list[bytes], bytes | None]:
        now = int(time.time())
        with txn.txn.cursor(txn.tables.ops) as cursor:
            if not (cursor.set_range(after + b"\0") if after else cursor.first()):
                return [], None
            looked = list(islice(cursor, _LOOKED_AT))
        rows = [
            _ROW.pack(token, max(now - at, 0), terms[term])
            for token, note in looked
            for at, term in (_NOTE.unpack(note),)
            if term in terms and at + KEPT_S >= now
        ]
        return rows, looked[-1][0] if len(looked) == _LOOKED_AT else None

    return store.snapshot(work)


def merge_notes(store: NodeStore, packed: bytes | memoryview) -> None:
    """Remember what `read_notes` found at another node."""
    rows = list(_ROW.iter_unpack(packed))
    now = int(time.time())
    for start in range(0, len(rows), _MERGED):
        batch = rows[start : start + _MERGED]

        def work(txn: WriteTxn, batch: list[Any] = batch) -> None:
            for token, age_s, term in batch:
                note = _NOTE.pack(now - age_s, term)
                txn.put(token, note, db=txn.tables.ops)

        store.transact(work)


def _packed(token: int) -> bytes:
    return token.to_bytes(8, "big")
