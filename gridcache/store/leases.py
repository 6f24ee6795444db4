"""Leases: views of the arena that hold their extent while anybody looks.

The exporter of a view's memory is an array that owns the lease; everything made
from the view (slices, arrays, pickle buffers) keeps it alive. When it is
collected, the pin is cleared: one store, no lock, no transaction, since a
finaliser may run inside this very thread's transaction.
"""

from collections import deque
from contextlib import suppress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.store.clients import ClientRow

__all__ = ["Lease", "LeaseBook", "hold_memory", "leased_memory"]


class LeaseBook:
    """What this process leases, in bytes; bounded."""

    def __init__(self, cap_nbytes: int) -> None:
        self.cap_nbytes = cap_nbytes
        """Leased bytes beyond which gets return private copies."""
        self.nbytes = 0
        self.ended: deque[tuple[int, int]] = deque()
        """Ranges whose pages may leave the resident size, for the housekeeping."""


class Lease:
    """A pin, its extent, and the end of both; `slot` is -1 if there was none left."""

    __slots__ = ("_book", "_row", "nbytes", "offset", "slot")

    def __init__(
        self, row: ClientRow, book: LeaseBook, offset: int, nbytes: int
    ) -> None:
        self.slot, self.nbytes = -1, 0
        self._row, self._book, self.offset = row, book, offset
        if row.pin(offset, self):
            self.nbytes = nbytes
            book.nbytes += nbytes

    def end(self) -> None:
        """Clear the pin; idempotent."""
        slot, self.slot = self.slot, -1
        if slot >= 0:
            self._book.nbytes -= self.nbytes
            self._book.ended.append((self.offset, self.nbytes))
            self._row.unpin(slot)

    def __del__(self) -> None:
        with suppress(AttributeError):  # interrupted before it began
            self.end()


class _Leased(np.ndarray[Any, Any]):
    lease: object


def leased_memory(view: NDArray[np.uint8], lease: Lease) -> memoryview:
    """Read-only memory of a view whose exporter holds the lease."""
    view.flags.writeable = False
    return hold_memory(view, lease)


def hold_memory(view: NDArray[np.uint8], lease: object) -> memoryview:
    """Memory of a view whose exporter holds something, as long as anybody looks."""
    owner: Any = view.view(_Leased)
    owner.lease = lease
    return memoryview(owner)
