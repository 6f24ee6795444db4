"""The memory pool for asyncio: each call in a thread, the loop stays free."""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Any, Self

from gridcache.pool.ids import MemoryBlock
from gridcache.pool.synchronous import SyncDistributedMemoryPool

__all__ = ["DistributedMemoryPool"]


class DistributedMemoryPool:
    """Memory blocks anywhere in a grid, by id.

    Parameters
    ----------
    config
        A cluster file (path or content), a grid that was joined, or None for the
        grid of this machine or of the running Ray.

    Notes
    -----
    The calls and their errors are those of `SyncDistributedMemoryPool`, which
    documents them. A call that is cancelled goes on in its thread.
    """

    def __init__(self, config: object = None) -> None:
        self._pool = SyncDistributedMemoryPool(config)

    @classmethod
    def sync(cls, config: object = None) -> SyncDistributedMemoryPool:
        """The same pool for plain code."""
        return SyncDistributedMemoryPool(config)

    @property
    def synchronous(self) -> SyncDistributedMemoryPool:
        """The pool beneath, for plain code."""
        return self._pool

    async def initialize(self) -> None:
        """Join the grid; idempotent."""
        await asyncio.to_thread(self._pool.initialize)

    async def shutdown(self) -> None:
        """Free what this pool allocated, but for detached blocks; idempotent."""
        await asyncio.to_thread(self._pool.shutdown)

    async def __aenter__(self) -> Self:
        await self.initialize()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.shutdown()

    async def allocate(
        self,
        size_bytes: int,
        preferred_node: str | None = None,
        *,
        detached: bool = False,
    ) -> str:
        """Make a block of zeros; returns its id."""
        return await asyncio.to_thread(
            self._pool.allocate, size_bytes, preferred_node, detached=detached
        )

    async def allocate_many(
        self,
        sizes_bytes: Iterable[int],
        preferred_node: str | None = None,
        *,
        detached: bool = False,
    ) -> list[str]:
        """Make several blocks, or none."""
        return await asyncio.to_thread(
            self._pool.allocate_many, sizes_bytes, preferred_node, detached=detached
        )

    async def write(self, block_id: str, data: Any, offset: int = 0) -> int:
        """Write bytes, or anything with a buffer; returns how many bytes."""
        return await asyncio.to_thread(self._pool.write, block_id, data, offset)

    async def write_many(self, items: Iterable[Sequence[Any]]) -> None:
        """Write several (id, data) or (id, data, offset)."""
        await asyncio.to_thread(self._pool.write_many, items)

    async def read(
        self, block_id: str, size: int | None = None, offset: int = 0
    ) -> bytes:
        """A copy of a range, up to the block's end if no size is given."""
        return await asyncio.to_thread(self._pool.read, block_id, size, offset)

    async def read_many(self, items: Iterable[str | Sequence[Any]]) -> list[bytes]:
        """Copies of several blocks: each an id, (id, size) or (id, size, offset)."""
        return await asyncio.to_thread(self._pool.read_many, items)

    async def map(self, block_id: str) -> memoryview:
        """A writable view of a block, without a copy, on the block's own node."""
        return await asyncio.to_thread(self._pool.map, block_id)

    async def deallocate(self, block_id: str) -> None:
        """Free a block, whoever allocated it."""
        await asyncio.to_thread(self._pool.deallocate, block_id)

    async def deallocate_many(self, block_ids: Iterable[str]) -> None:
        """Free several blocks, or none if one is not there."""
        await asyncio.to_thread(self._pool.deallocate_many, block_ids)

    async def list_blocks(self) -> list[MemoryBlock]:
        """Every block of the grid, by number."""
        return await asyncio.to_thread(self._pool.list_blocks)

    async def get_stats(self) -> dict[str, Any]:
        """Sizes of the pool and of each of its nodes."""
        return await asyncio.to_thread(self._pool.get_stats)
