"""Listing: keys of a namespace, in short transactions.

Read transactions are kept to microseconds, since an old one keeps old pages: a
listing takes a batch, ends the transaction, and goes on behind the last key. Keys
put or deleted meanwhile may or may not be listed.
"""

import time
from collections.abc import Iterator

from gridcache.store.entries import Books, tag_key
from gridcache.store.index import Index
from gridcache.store.namespaces import Namespace
from gridcache.store.records import TOMBSTONE, Entry, entry_key, entry_text
from gridcache.store.transaction import WriteTxn

__all__ = ["BATCH", "entries_of", "keys_of", "some_entries"]

BATCH = 64
"""Entries per transaction."""
_HEAD_MAX = 368
"""Bytes of a prefix that index keys are sure to begin with."""


def keys_of(index: Index, books: Books, space: Namespace, prefix: str) -> Iterator[str]:
    """Text keys that begin with a prefix, by the order of their UTF-8."""
    return (text for text, _ in entries_of(index, books, space, prefix))


def entries_of(
    index: Index, books: Books, space: Namespace, prefix: str, after: str = ""
) -> Iterator[tuple[str, Entry]]:
    """Entries by their text keys, in order; only those behind `after`."""
    start = head = space.prefix + prefix.encode("utf-8", "surrogatepass")[:_HEAD_MAX]
    if after:
        start = max(entry_key(space.id, after)[0] + b"\0", head)
    while True:
        batch = index.snapshot(lambda txn, start=start: _batch(txn, books, start, head))  # type: ignore[misc]
        for key, entry in batch:
            text = entry_text(key, entry)
            if text.startswith(prefix) and not entry.stamp.flags & TOMBSTONE:
                yield text, entry
        if len(batch) < BATCH:
            return
        start = batch[-1][0] + b"\0"


def _batch(
    txn: WriteTxn, books: Books, start: bytes, head: bytes
) -> list[tuple[bytes, Entry]]:
    now = time.time()
    batch: list[tuple[bytes, Entry]] = []
    for key in _from(txn, start, head):
        entry = books.find(txn, key)
        if entry is not None and not 0.0 < entry.expires <= now:
            batch.append((key, entry))
        if len(batch) == BATCH:
            break
    return batch


def some_entries(
    index: Index, books: Books, space: Namespace, tag: str | None
) -> list[tuple[bytes, bytes]]:
    """Up to a batch of entry keys, each with its whole key if that is long."""

    def pick(txn: WriteTxn) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []
        every = _from(txn, space.prefix, space.prefix)
        for key in every if tag is None else _tagged(txn, tag_key(space.id, tag)):
            entry = books.find(txn, key)
            if entry is not None:
                found.append((key, entry.long_key))
            if len(found) == BATCH:
                break
        return found

    return index.snapshot(pick)


def _from(txn: WriteTxn, start: bytes, head: bytes) -> Iterator[bytes]:
    """Entry keys from `start` on, as long as they begin with `head`."""
    with txn.txn.cursor(txn.tables.entries) as cursor:
        found = cursor.set_range(start)
        while found and cursor.key().startswith(head):
            yield cursor.key()
            found = cursor.next()


def _tagged(txn: WriteTxn, key: bytes) -> Iterator[bytes]:
    with txn.txn.cursor(txn.tables.tags) as cursor:
        if cursor.set_key(key):
            yield from cursor.iternext_dup()
