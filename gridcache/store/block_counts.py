"""Block counts: how often this process read, wrote and mapped blocks.

Counted in memory, and brought into the index now and then: a killed process
loses what it counted in the last second.
"""

from collections.abc import Callable, Iterable

from gridcache.store.block_records import find_block, put_block
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn

__all__ = ["BlockCounts"]

_BATCH = 16
"""Records changed per transaction: what a nearly full index has pages for."""


class BlockCounts:
    """Counts of one process, not yet in the index."""

    def __init__(self, relief: Relief, *, sealed: bool) -> None:
        self._relief = relief
        self._sealed = sealed
        self._accesses: dict[int, int] = {}

    def note(self, number: int) -> None:
        """Count one access."""
        self._accesses[number] = self._accesses.get(number, 0) + 1

    def flush(self) -> None:
        """Bring this process's counts of accesses into the index."""
        counts, self._accesses = self._accesses, {}
        pending = list(counts.items())
        for start in range(0, len(pending), _BATCH):
            self._relief.index.transact(self._adding(pending[start : start + _BATCH]))

    def _adding(self, batch: Iterable[tuple[int, int]]) -> Callable[[WriteTxn], None]:
        def add(txn: WriteTxn) -> None:
            for number, count in batch:
                block = find_block(txn, number)
                if block is not None:
                    counted = block._replace(accesses=block.accesses + count)
                    put_block(txn, number, counted, sealed=self._sealed)

        return add

    def clear(self) -> None:
        """Forget them."""
        self._accesses.clear()
