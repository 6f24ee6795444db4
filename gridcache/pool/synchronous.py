"""The memory pool for plain code: allocate, write, read, free, by id."""

import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

from gridcache.cache import GridCache
from gridcache.cluster.blocks.protocol import (
    BlockPiece,
    BlockRange,
)
from gridcache.errors import (
    GridCacheError,
    PoolNotInitializedError,
)
from gridcache.pool.arguments import SUMMED, completed, node_row, size_of
from gridcache.pool.batches import for_each, free_on, write_on
from gridcache.pool.ids import MemoryBlock, parse_id, snapshot
from gridcache.pool.opened import Opened
from gridcache.pool.parallel import at_once
from gridcache.pool.placing import Wish
from gridcache.store.block_memory import as_bytes
from gridcache.store.block_space import BlockSizes

__all__ = ["SyncDistributedMemoryPool"]


class SyncDistributedMemoryPool:
    """Memory blocks anywhere in a grid; every method is for any thread.

    Parameters
    ----------
    config
        A cluster file (path or content), a grid that was joined, or None for the
        grid of this machine or of the running Ray.
    """

    def __init__(self, config: object = None) -> None:
        self._config = config
        self._life = threading.Lock()
        self._opened: Opened | None = None

    # -- life --------------------------------------------------------------

    def initialize(self) -> None:
        """Join the grid; idempotent."""
        with self._life:
            if self._opened is None:
                self._opened = Opened(self._config)

    def shutdown(self) -> None:
        """Free what this pool allocated, but for detached blocks; idempotent."""
        with self._life:
            opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def __enter__(self) -> Self:
        self.initialize()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.shutdown()

    def _ready(self) -> Opened:
        opened = self._opened
        if opened is None:
            message = (
                "Distributed memory pool is not initialized; call `initialize()` "
                "first, or use the pool in a `with` block"
            )
            raise PoolNotInitializedError(message)
        return opened

    # -- allocation --------------------------------------------------------

    def allocate(
        self,
        size_bytes: int,
        preferred_node: str | None = None,
        *,
        detached: bool = False,
    ) -> str:
        """Make a block of zeros; returns its id.

        Parameters
        ----------
        preferred_node
            The node it must be on; else the one with most memory.
        detached
            True for a block that outlives this pool, until it is deallocated.

        Raises
        ------
        NoAvailableNodesError
            No node, or not this one, gives memory.
        AllocationError
            None that was asked has room.
        """
        (block_id,) = self.allocate_many(
            [size_bytes], preferred_node, detached=detached
        )
        return block_id

    def allocate_many(
        self,
        sizes_bytes: Iterable[int],
        preferred_node: str | None = None,
        *,
        detached: bool = False,
    ) -> list[str]:
        """Make several blocks, or none; raises as `allocate` does."""
        opened = self._ready()
        wishes = [Wish(size_of(size), preferred_node, detached) for size in sizes_bytes]
        try:
            opened.placer.place(wishes)
        except BaseException:
            made = [wish.block for wish in wishes if wish.block is not None]
            with suppress(GridCacheError):
                for_each(opened.finder, made, made, free_on)
            raise
        return [str(wish.block) for wish in wishes]

    def deallocate(self, block_id: str) -> None:
        """Free a block, whoever allocated it.

        Raises
        ------
        BlockNotFoundError, NodeLostError
            It is not there (any more).
        """
        self.deallocate_many([block_id])

    def deallocate_many(self, block_ids: Iterable[str]) -> None:
        """Free several blocks, or none if one is not there."""
        opened = self._ready()
        blocks = [parse_id(block_id) for block_id in dict.fromkeys(block_ids)]
        if len(blocks) > 1:
            opened.finder.locate(blocks)
        for_each(opened.finder, blocks, blocks, free_on)

    # -- bytes -------------------------------------------------------------

    def write(self, block_id: str, data: Any, offset: int = 0) -> int:
        """Write bytes, or anything with a buffer; returns how many bytes.

        All is checked before the first byte.

        Raises
        ------
        BlockNotFoundError, BlockRangeError, NodeLostError
            Nothing was written.
        """
        block, view = parse_id(block_id), as_bytes(data)
        piece = BlockPiece(block.number, view, offset)
        finder = self._ready().finder
        finder.on_its_node(block, lambda node: node.write((piece,)))
        return view.nbytes

    def write_many(self, items: Iterable[Sequence[Any]]) -> None:
        """Write several (id, data) or (id, data, offset); each as `write` does.

        On each node everything is checked before the first byte.
        """
        finder, blocks, pieces = self._ready().finder, [], []
        for block_id, data, offset in (completed(item, 0) for item in items):
            blocks.append(parse_id(block_id))
            pieces.append(BlockPiece(blocks[-1].number, as_bytes(data), offset))
        for_each(finder, blocks, pieces, write_on)

    def read(self, block_id: str, size: int | None = None, offset: int = 0) -> bytes:
        """A copy of a range, up to the block's end if no size is given.

        Raises
        ------
        BlockNotFoundError, BlockRangeError, NodeLostError
            It is not there.
        """
        block = parse_id(block_id)
        wanted = BlockRange(block.number, size, offset)
        finder = self._ready().finder
        (data,) = finder.on_its_node(block, lambda node: node.read((wanted,)))
        return data

    def read_many(self, items: Iterable[str | Sequence[Any]]) -> list[bytes]:
        """Copies of several blocks: each an id, (id, size) or (id, size, offset)."""
        finder, blocks, ranges = self._ready().finder, [], []
        for item in items:
            whole = (item,) if isinstance(item, str) else item
            block_id, size, offset = completed(whole, None, 0)
            blocks.append(parse_id(block_id))
            ranges.append(BlockRange(blocks[-1].number, size, offset))
        return for_each(finder, blocks, ranges, lambda node, some: node.read(some))

    def map(self, block_id: str) -> memoryview:
        """A writable view of a block, without a copy, on the block's own node.

        Raises
        ------
        ConfigError
            This process runs on another node.
        """
        block = parse_id(block_id)
        return self._ready().finder.on_its_node(
            block, lambda node: node.map(block.number)
        )

    def cache(self, name: str) -> GridCache:
        """A cache of the same grid, by name."""
        return self._ready().nodes.cache(name)

    # -- looking -----------------------------------------------------------

    def list_blocks(self) -> list[MemoryBlock]:
        """Every block of the grid, by number.

        Raises
        ------
        NodeLostError
            A node does not answer.
        """
        nodes = self._ready().nodes.nodes()
        answers = at_once({name: node.list for name, node in nodes.items()})
        found: dict[int, MemoryBlock] = {}
        for name, infos in answers.items():
            if isinstance(infos, GridCacheError):
                raise infos
            found.update({info.number: snapshot(info, name) for info in infos})
        return [found[number] for number in sorted(found)]

    def get_stats(self) -> dict[str, Any]:
        """Sizes of the pool and of each of its nodes; what is free, blocks may take."""
        opened = self._ready()
        nodes = opened.nodes.nodes()
        answers = at_once({name: node.sizes for name, node in nodes.items()})
        rows = [
            node_row(name, sizes)
            for name, sizes in sorted(answers.items())
            if isinstance(sizes, BlockSizes)
        ]
        totals = {key: sum(row[key] for row in rows) for key in SUMMED}
        return {"grid": opened.nodes.grid, **totals, "nodes": rows}
