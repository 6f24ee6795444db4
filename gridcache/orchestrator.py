"""The orchestrator: a cluster file, the grid it describes and the grid's memory pool.

Thin: it starts and ends what `gridcache.connect` and `DistributedMemoryPool` do, by
what the file says. What a block is, and what happens when a node is lost, stands there.
"""

from dataclasses import asdict
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from gridcache.cluster.actors.connect import aconnect
from gridcache.cluster_config import ClusterConfig
from gridcache.errors import PoolNotInitializedError
from gridcache.pool import DistributedMemoryPool

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid

__all__ = ["ResourceSharingOrchestrator"]

_NOT_INITIALIZED = "Distributed memory pool is not initialized"
_INITIALIZE = "call `await orchestrator.initialize()` first"


class ResourceSharingOrchestrator:
    """A grid with its memory pool, as a cluster file wants them.

    Parameters
    ----------
    cluster_config
        From `load_cluster_config`. With `resource_sharing.enabled: false` the grid is
        joined and no pool started. With `mode: dynamic_balancing` the grid moves what
        may move away from full nodes.
    ssh_manager
        Not used: Ray's own launcher starts machines (`grid up`). Accepted so that
        programs which pass one go on working.

    Examples
    --------
    ::

        async with ResourceSharingOrchestrator(load_cluster_config(path)) as shared:
            block_id = await shared.allocate_distributed_memory(2**30, "gpu2")
            await shared.write_distributed_memory(block_id, b"data")
    """

    def __init__(
        self, cluster_config: ClusterConfig, ssh_manager: object | None = None
    ) -> None:
        self.cluster_config = cluster_config
        self.ssh_manager = ssh_manager
        self._grid: Grid | None = None
        self._pool: DistributedMemoryPool | None = None

    async def initialize(self) -> None:
        """Join the grid and, if sharing is enabled, start the pool; twice is once.

        Raises
        ------
        NoAvailableNodesError
            No Ray runs, or none of the file's nodes is there.
        """
        if self._grid is None:
            self._grid = await aconnect(config=self.cluster_config)
        if self._pool is None and self.cluster_config.resource_sharing.enabled:
            pool = DistributedMemoryPool(self._grid)
            await pool.initialize()
            self._pool = pool

    async def start(self) -> None:
        """Start, or start again after `stop`."""
        await self.initialize()

    async def stop(self) -> None:
        """End the pool, which frees the blocks it allocated; stay in the grid."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.shutdown()

    async def shutdown(self) -> None:
        """End the pool and leave the grid, which goes on for others; twice is once."""
        try:
            await self.stop()
        finally:
            grid, self._grid = self._grid, None
            if grid is not None:
                await grid.aclose()

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

    async def allocate_distributed_memory(
        self, size_bytes: int, preferred_node: str | None = None
    ) -> str:
        """Allocate a block; see `DistributedMemoryPool.allocate`."""
        return await self._open_pool().allocate(size_bytes, preferred_node)

    async def deallocate_distributed_memory(self, block_id: str) -> None:
        """Free a block; see `DistributedMemoryPool.deallocate`."""
        await self._open_pool().deallocate(block_id)

    async def write_distributed_memory(
        self, block_id: str, data: Any, offset: int = 0
    ) -> int:
        """Write into a block; see `DistributedMemoryPool.write`."""
        return await self._open_pool().write(block_id, data, offset)

    async def read_distributed_memory(
        self, block_id: str, size: int | None = None, offset: int = 0
    ) -> bytes:
        """Read from a block; see `DistributedMemoryPool.read`."""
        return await self._open_pool().read(block_id, size, offset)

    async def get_distributed_memory_stats(self) -> dict[str, Any]:
        """Statistics of the pool; see `DistributedMemoryPool.get_stats`."""
        return await self._open_pool().get_stats()

    async def get_cluster_status(self) -> dict[str, Any]:
        """The grid, its nodes and the pool, as plain values for programs.

        Returns
        -------
        dict
            `name`, `epoch`, `mode`, `ray_address`, `nodes` and `moves` (each a list of
            dicts), `enabled`, and `pool`: the pool's statistics, None without one.

        Raises
        ------
        PoolNotInitializedError
            Before `initialize` or after `shutdown`.
        """
        if self._grid is None:
            raise _not_initialized(_INITIALIZE)
        status = asdict(await self._grid.astatus())
        return status | {
            "enabled": self.cluster_config.resource_sharing.enabled,
            "pool": await self._pool.get_stats() if self._pool else None,
        }

    def __repr__(self) -> str:
        state = "joined" if self._grid else "not joined"
        pool = "with a pool" if self._pool else "no pool"
        return f"<ResourceSharingOrchestrator {state}, {pool}>"

    def _open_pool(self) -> DistributedMemoryPool:
        if self._pool is not None:
            return self._pool
        if not self.cluster_config.resource_sharing.enabled:
            place = self.cluster_config.path or "the cluster file"
            cure = f"set execution.resource_sharing.enabled to true in {place}"
            raise _not_initialized(cure)
        raise _not_initialized(_INITIALIZE)


def _not_initialized(cure: str) -> PoolNotInitializedError:
    return PoolNotInitializedError(f"{_NOT_INITIALIZED}; {cure}")
