"""Leftovers: extents that wait for their last reader, and what the dead left."""

import os
from collections.abc import Callable
from contextlib import suppress

from gridcache.store.index import IndexFullError
from gridcache.store.parts import Parts
from gridcache.store.transaction import WriteTxn

__all__ = ["Leftovers"]


class Leftovers:
    """What one process takes over and frees."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts

    def free(self, txn: WriteTxn) -> int:
        """Free unlinked extents nobody looks at; their removal is committed."""
        if not txn.state.retired:
            return 0
        return self._parts.retirement.free(txn)

    def reap(self) -> int:
        """Take over what dead clients left; returns the bytes freed."""
        self._parts.index.transact(self._reap_rows)
        self._parts.retirement.settle()
        # What was retired just now may be freed only in a later transaction.
        return self.free_all()

    def free_all(self) -> int:
        """Free all that can be, a few per transaction; returns the bytes.

        Pages that one transaction frees are LMDB's to use again two later: in a
        small index what is left waits for the next round.
        """
        total = 0
        with suppress(IndexFullError):
            while freed := self._parts.index.transact(self.free):
                total += freed
        return total

    def _reap_rows(self, txn: WriteTxn) -> None:
        for row, fd in self._parts.clients.dead_rows():
            self._parts.claims.reap(txn, row)
            txn.after.append(_clearing(self._parts, row, fd))


def _clearing(parts: Parts, row: int, fd: int) -> Callable[[], None]:
    def clear() -> None:
        parts.clients.clear_pins(row)
        os.close(fd)

    return clear
