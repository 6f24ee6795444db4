"""Own: the memory of this worker's node, as blocks of the node's store.

Blocks push cache entries out, are never evicted, and are freed by others when this
process dies.
"""

from collections.abc import Sequence

from gridcache.errors import OutOfSpaceError
from gridcache.store.block_numbers import draw_number
from gridcache.store.node_store import NodeStore

__all__ = ["OwnMemory"]


class OwnMemory:
    """Blocks of one worker in its node's store.

    Parameters
    ----------
    pool
        What its blocks are known by.
    max_nbytes
        Of all of them together.
    """

    def __init__(self, store: NodeStore, pool: str, max_nbytes: int) -> None:
        self._blocks = store.blocks
        self._pool = pool
        self.max_nbytes = max_nbytes
        store.blocks.own(pool)

    def put(self, pieces: Sequence[memoryview], nbytes: int, taken_nbytes: int) -> int:
        """Store bytes; returns their block's number.

        Raises
        ------
        OutOfSpaceError, ValueTooLargeError
            No room, or none beside the `taken_nbytes` that it has already.
        """
        if taken_nbytes + nbytes > self.max_nbytes:
            message = f"this worker's share of the store, {self.max_nbytes} bytes"
            raise OutOfSpaceError(message, nbytes=nbytes)
        number = draw_number()
        # Fixed: a node that leaves the grid keeps its store, and this process with it.
        self._blocks.making.store(number, pieces, self._pool, fixed=True)
        return number

    def read_into(self, number: int, into: memoryview) -> None:
        """Fill memory with a block."""
        self._blocks.read_into(number, into)

    def free(self, number: int) -> None:
        """Give a block back, if it is still there."""
        self._blocks.free_many((number,))

    def close(self) -> None:
        """Free everything."""
        self._blocks.reap_pool(self._pool)
