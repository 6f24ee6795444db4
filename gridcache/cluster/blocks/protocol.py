"""What a memory pool asks of the nodes of a grid, whoever answers.

`block_nodes` answers for a grid: this process's own node directly, the others
over streams. Sizes are bytes, instants seconds since the epoch. Everything takes
many at once, so that a batch costs one round trip.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, Protocol

from gridcache.cache import GridCache
from gridcache.errors import GridCacheError
from gridcache.store.block_space import BlockSizes
from gridcache.store.blocks import BlockInfo

__all__ = [
    "BlockNode",
    "BlockNodes",
    "BlockOrder",
    "BlockPiece",
    "BlockRange",
]


_Infos = list[BlockInfo]
"""`list` is a method below."""


class BlockOrder(NamedTuple):
    """A block to be allocated."""

    number: int
    nbytes: int
    detached: bool = False
    fixed: bool = False


class BlockPiece(NamedTuple):
    """Bytes to be written."""

    number: int
    data: memoryview
    """In one piece, of format "B"."""
    offset: int


class BlockRange(NamedTuple):
    """Bytes to be read; up to the block's end without a size."""

    number: int
    nbytes: int | None
    offset: int


class BlockNode(Protocol):
    """The memory of one node."""

    name: str

    def sizes(self) -> BlockSizes:
        """What blocks take, and could take."""

    def allocate(
        self, pool: str, orders: Sequence[BlockOrder]
    ) -> list[GridCacheError | None]:
        """Make blocks, each or why not."""

    def write(self, pieces: Sequence[BlockPiece]) -> None:
        """Write; all is checked before the first byte."""

    def read(self, ranges: Sequence[BlockRange]) -> list[bytes]:
        """Copy ranges."""

    def free(self, numbers: Sequence[int]) -> list[GridCacheError | None]:
        """Free blocks, each or why not."""

    def info(self, numbers: Sequence[int]) -> list[BlockInfo | GridCacheError]:
        """Blocks as they are, each or why not."""

    def list(self) -> _Infos:
        """All blocks."""

    def reap(self, pool: str) -> int:
        """Free the blocks of a pool; returns how many."""

    def map(self, number: int) -> memoryview:
        """A writable view, on this process's own node alone."""


class BlockNodes(Protocol):
    """The nodes of a grid."""

    grid: str
    """Its name."""

    def nodes(self) -> Mapping[str, BlockNode]:
        """All that are in the grid now, by name."""

    def giving(self) -> Collection[str]:
        """Names of those that take new blocks."""

    def new_numbers(self, count: int) -> int:
        """The first of so many numbers in a row that no block ever had."""

    def cache(self, name: str) -> GridCache:
        """A cache of the grid."""

    def open(self, pool: str) -> None:
        """A pool begins, in this process."""

    def forget(self, pool: str) -> None:
        """A pool is no more: its blocks need nobody to speak for them."""

    def close(self) -> None:
        """Let go of what was opened for this."""
