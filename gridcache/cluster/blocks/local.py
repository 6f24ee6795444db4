"""Block local: the blocks of this process's own node, without a message.

Also what the node's service does for others, and a grid of one store.
"""

from collections.abc import Mapping, Sequence

from gridcache.cache import GridCache
from gridcache.cluster.blocks.protocol import BlockOrder, BlockPiece, BlockRange
from gridcache.errors import ConfigError, GridCacheError
from gridcache.store.block_space import BlockSizes
from gridcache.store.blocks import BlockInfo, Blocks
from gridcache.store.node_store import NodeStore

__all__ = ["LocalNode", "OneStore"]

_Infos = list[BlockInfo]
"""`list` is a method below."""


class LocalNode:
    """The blocks of an open store, as a `BlockNode`."""

    def __init__(self, name: str, blocks: Blocks) -> None:
        self.name = name
        self._blocks = blocks

    def sizes(self) -> BlockSizes:
        """What blocks take, and could take."""
        return self._blocks.sizes()

    def allocate(
        self, pool: str, orders: Sequence[BlockOrder], *, again: bool = False
    ) -> list[GridCacheError | None]:
        """Make blocks, each or why not.

        Parameters
        ----------
        again
            True if this may have been carried out before.
        """
        return [self._allocate(pool, order, again=again) for order in orders]

    def _allocate(
        self, pool: str, order: BlockOrder, *, again: bool
    ) -> GridCacheError | None:
        number, nbytes, detached, fixed = order
        try:
            self._blocks.allocate(number, nbytes, pool, detached=detached, fixed=fixed)
        except ConfigError as error:
            return None if again and self._is_there(pool, order) else error
        except GridCacheError as error:
            return error
        return None

    def _is_there(self, pool: str, order: BlockOrder) -> bool:
        """True if it was made, and the answer was lost."""
        info = self._blocks.info(order.number)
        owner = "" if order.detached else pool
        return (info.nbytes, info.pool) == (order.nbytes, owner)

    def write(self, pieces: Sequence[BlockPiece]) -> None:
        """Write; all is checked before the first byte."""
        self._blocks.write_many(pieces)

    def read(self, ranges: Sequence[BlockRange]) -> list[bytes]:
        """Copy ranges."""
        return self._blocks.read_many(ranges)

    def free(self, numbers: Sequence[int]) -> list[GridCacheError | None]:
        """Free blocks, each or why not."""
        freed = set(self._blocks.free_many(numbers)) if len(numbers) > 1 else set()
        return [None if n in freed else self._free(n) for n in numbers]

    def _free(self, number: int) -> GridCacheError | None:
        try:
            self._blocks.free(number)
        except GridCacheError as error:
            return error
        return None

    def info(self, numbers: Sequence[int]) -> list[BlockInfo | GridCacheError]:
        """Blocks as they are, each or why not."""
        return [self._info(number) for number in numbers]

    def _info(self, number: int) -> BlockInfo | GridCacheError:
        try:
            return self._blocks.info(number)
        except GridCacheError as error:
            return error

    def list(self) -> _Infos:
        """All blocks."""
        return [*self._blocks.list()]

    def reap(self, pool: str) -> int:
        """Free the blocks of a pool; returns how many."""
        return self._blocks.reap_pool(pool)

    def map(self, number: int) -> memoryview:
        """A writable view."""
        return self._blocks.map(number)


class OneStore:
    """A grid of one store, as `BlockNodes`: no Ray, no other node."""

    def __init__(self, store: NodeStore, node: str = "local") -> None:
        self.grid = store.directory.name
        self._store = store
        self._node = LocalNode(node, store.blocks)

    def nodes(self) -> Mapping[str, LocalNode]:
        """The one there is."""
        return {self._node.name: self._node}

    def giving(self) -> tuple[str, ...]:
        """Its name."""
        return (self._node.name,)

    def new_numbers(self, count: int) -> int:
        """Of the store's counter."""
        return self._store.blocks.new_numbers(count)

    def cache(self, name: str) -> GridCache:
        """A cache in this store."""
        return GridCache(name, path=self._store.directory)

    def open(self, pool: str) -> None:
        """Its process answers for it."""
        self._store.blocks.own(pool)

    def forget(self, pool: str) -> None:
        """Its process answers for it."""

    def close(self) -> None:
        """The store is whoever's opened it."""
