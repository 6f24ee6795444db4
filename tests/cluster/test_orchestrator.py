"""The orchestrator: thin over grid and pool, and it does what the file says."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from gridcache.cluster_config import ClusterConfig, read_cluster_config
from gridcache.errors import BlockNotFoundError, PoolNotInitializedError
from gridcache.orchestrator import ResourceSharingOrchestrator
from tests.cluster.kit.ray_cluster import RayCluster

pytestmark = pytest.mark.ray

Work = Callable[[ResourceSharingOrchestrator], Awaitable[None]]


def config(**sharing: Any) -> ClusterConfig:
    """A file of this module's own grid."""
    content = {
        "execution": {"resource_sharing": sharing},
        "gridcache": {"grid": "orchestrated"},
    }
    return read_cluster_config(content)


def run(orchestrator: ResourceSharingOrchestrator, work: Work) -> None:
    async def worked() -> None:
        async with orchestrator:
            await work(orchestrator)

    asyncio.run(worked())


@pytest.mark.usefixtures("ray_cluster")
def test_a_block_is_allocated_written_read_and_freed() -> None:
    async def work(shared: ResourceSharingOrchestrator) -> None:
        block = await shared.allocate_distributed_memory(size_bytes=4096)
        await shared.write_distributed_memory(block, b"data", offset=8)
        assert await shared.read_distributed_memory(block, 4, 8) == b"data"
        assert await shared.read_distributed_memory(block, 4) == bytes(4)
        assert len(await shared.read_distributed_memory(block)) == 4096
        stats = await shared.get_distributed_memory_stats()
        status = await shared.get_cluster_status()
        assert stats["blocks"] >= 1
        assert status["pool"]["blocks"] == stats["blocks"]
        assert status["enabled"] is True
        # The status also lists nodes that start, which give no memory yet.
        giving = {node["node"] for node in stats["nodes"]}
        assert giving
        assert giving <= {node["name"] for node in status["nodes"]}
        await shared.deallocate_distributed_memory(block)
        with pytest.raises(BlockNotFoundError):
            await shared.read_distributed_memory(block)

    run(ResourceSharingOrchestrator(config(enabled=True), object()), work)


@pytest.mark.usefixtures("ray_cluster")
def test_without_sharing_there_is_a_grid_and_no_pool() -> None:
    async def work(shared: ResourceSharingOrchestrator) -> None:
        status = await shared.get_cluster_status()
        assert status["pool"] is None
        assert status["enabled"] is False
        assert status["nodes"]
        with pytest.raises(PoolNotInitializedError, match="enabled to true in the"):
            await shared.allocate_distributed_memory(4096)

    run(ResourceSharingOrchestrator(config()), work)


def test_before_it_is_initialized_it_says_so() -> None:
    shared = ResourceSharingOrchestrator(config(enabled=True))
    for call in (
        shared.get_cluster_status(),
        shared.get_distributed_memory_stats(),
        shared.allocate_distributed_memory(1),
    ):
        with pytest.raises(PoolNotInitializedError, match=r"orchestrator\.initialize"):
            asyncio.run(call)
    assert repr(shared) == "<ResourceSharingOrchestrator not joined, no pool>"


@pytest.mark.usefixtures("ray_cluster")
def test_stop_frees_its_blocks_and_start_begins_again() -> None:
    async def work(shared: ResourceSharingOrchestrator) -> None:
        before = (await shared.get_distributed_memory_stats())["blocks"]
        await shared.allocate_distributed_memory(4096)
        await shared.stop()
        with pytest.raises(PoolNotInitializedError):
            await shared.allocate_distributed_memory(4096)
        assert (await shared.get_cluster_status())["pool"] is None
        await shared.start()
        await shared.start()
        assert (await shared.get_distributed_memory_stats())["blocks"] == before

    run(ResourceSharingOrchestrator(config(enabled=True)), work)


def test_it_is_run_on_a_cluster(ray_cluster: RayCluster) -> None:
    async def work(shared: ResourceSharingOrchestrator) -> None:
        assert "with a pool" in repr(shared)
        nodes = (await shared.get_cluster_status())["nodes"]
        # A node that still starts has no store to name.
        stores = [node["store"] for node in nodes if node["state"] == "serving"]
        assert stores
        assert all(str(ray_cluster.directory) in store for store in stores)

    run(ResourceSharingOrchestrator(config(enabled=True)), work)


@pytest.mark.usefixtures("ray_cluster")
def test_the_file_s_mode_is_the_grid_s() -> None:
    async def work(shared: ResourceSharingOrchestrator) -> None:
        assert (await shared.get_cluster_status())["mode"] == "dynamic_balancing"

    dynamic = config(enabled=True, mode="dynamic_balancing")
    run(ResourceSharingOrchestrator(dynamic), work)
