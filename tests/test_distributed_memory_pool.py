"""The memory pool on real Ray: two nodes, real actors, real deaths.

What the pool promises without Ray is in `tests/pool`, the blocks of one store in
`tests/store`. Here the parts work together as users have them.
"""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import ray

import gridcache
from gridcache import DistributedMemoryHelper, DistributedMemoryPool, MemoryBlock
from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.actors.node import DistributedMemoryStore
from gridcache.errors import (
    AllocationError,
    BlockNotFoundError,
    BlockRangeError,
    NoAvailableNodesError,
    NodeLostError,
    PoolNotInitializedError,
)
from gridcache.pool import SyncDistributedMemoryPool
from gridcache.store.opening import close_store, open_store
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_for_nodes, wait_until

pytestmark = pytest.mark.ray


@pytest.fixture
def pool(grid: Grid) -> Iterator[SyncDistributedMemoryPool]:
    with DistributedMemoryPool.sync(grid) as pool:
        yield pool


@pytest.fixture
def nodes(grid: Grid) -> tuple[str, str]:
    """This process's node, and the other one; those of other tests have gone."""
    assert grid.here is not None
    names = (grid.here, f"{grid.here}-1")
    wait_for_nodes(grid, *names)
    return names


@pytest.fixture(scope="module")
def killed_driver(grid: Grid) -> set[str]:
    """Kill a driver that had a block on each node; these blocks."""
    code = (
        "import sys, time, gridcache\n"
        "grid = gridcache.connect(sys.argv[1], name=sys.argv[2])\n"
        "pool = gridcache.DistributedMemoryPool.sync(grid)\n"
        "pool.initialize()\n"
        "print(*(pool.allocate(10, node) for node in sys.argv[3:]), flush=True)\n"
        "time.sleep(600)\n"
    )
    arguments = [grid.ray_address, grid.name, *(one.name for one in pair(grid))]
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    ) as driver:
        assert driver.stdout is not None
        ids = set(driver.stdout.readline().split())
        assert len(ids) == 2
        with DistributedMemoryPool.sync(grid) as pool:
            assert ids <= {block.block_id for block in pool.list_blocks()}
        driver.kill()
    return ids


def read_until_lost(pool: SyncDistributedMemoryPool, block_id: str) -> None:
    """Read for as long as it takes to notice a death."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        pool.read(block_id, 4)
        time.sleep(0.1)


class TestDistributedMemoryStore:
    """The node's actor: its blocks live in the store, not in the actor."""

    def test_the_class_is_public_by_one_name(self) -> None:
        assert DistributedMemoryStore.__name__ == "DistributedMemoryStore"
        assert gridcache.DistributedMemoryStore is DistributedMemoryStore

    def test_a_killed_actor_loses_no_block_and_nobody_notices(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
    ) -> None:
        ids = [pool.allocate(100_000, node) for node in nodes]
        for block_id in ids:
            pool.write(block_id, block_id.encode(), 5000)
        pids = {one.name: one.pid for one in grid.nodes()}
        for pid in pids.values():
            assert pid is not None
            os.kill(pid, signal.SIGKILL)
        for block_id in ids:
            assert pool.read(block_id, len(block_id), 5000) == block_id.encode()
            pool.write(block_id, b"after", 6000)
            assert pool.read(block_id, 5, 6000) == b"after"
        wait_until(lambda: all(one.pid not in pids.values() for one in grid.nodes()))

    def test_blocks_count_in_the_nodes_memory(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
    ) -> None:
        before = _free(pool, nodes[1])
        pool.allocate(1 << 20, nodes[1])
        wait_until(
            lambda: {one.name: one.blocks for one in grid.nodes()}[nodes[1]] == 1
        )
        assert before - _free(pool, nodes[1]) == 1 << 20


class TestDistributedMemoryPool:
    """The pool, from drivers, tasks and other processes."""

    def test_blocks_near_and_far(
        self, pool: SyncDistributedMemoryPool, nodes: tuple[str, str]
    ) -> None:
        for node in nodes:
            block_id = pool.allocate(3 << 20, preferred_node=node)
            assert block_id.endswith(f"_{node}")
            assert pool.read(block_id) == bytes(3 << 20)
            data = np.random.default_rng(1).integers(0, 255, 1 << 20, np.uint8)
            pool.write(block_id, data, offset=1 << 20)
            assert pool.read(block_id, 1 << 20, 1 << 20) == data.tobytes()
            assert pool.read(block_id, 1 << 20) == bytes(1 << 20)
            with pytest.raises(BlockRangeError):
                pool.write(block_id, data, offset=(2 << 20) + 1)
            pool.deallocate(block_id)
            with pytest.raises(BlockNotFoundError):
                pool.read(block_id)

    def test_errors_begin_as_they_are_documented(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
    ) -> None:
        cases: list[tuple[type[Exception], str, Callable[[], object]]] = [
            (
                PoolNotInitializedError,
                "Distributed memory pool is not initialized",
                DistributedMemoryPool.sync(grid).list_blocks,
            ),
            (
                NoAvailableNodesError,
                "No available nodes for memory allocation",
                lambda: pool.allocate(10, "gpu9"),
            ),
            (
                AllocationError,
                "Failed to allocate memory block",
                lambda: pool.allocate(1 << 40),
            ),
        ]
        for kind, beginning, call in cases:
            with pytest.raises(kind) as caught:
                call()
            assert str(caught.value).startswith(beginning)

    def test_tasks_on_any_node_open_a_block_by_its_id(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
    ) -> None:
        block_id = pool.allocate(1000, nodes[1])
        pool.write(block_id, b"from the driver")
        name = grid.name

        def use() -> tuple[str | None, bytes]:
            joining = gridcache.connect(name=name)
            with joining as joined, DistributedMemoryPool.sync(joined) as mine:
                mine.write(block_id, b"from a task", 500)
                return joined.here, mine.read(block_id, 15)

        task = ray.remote(num_cpus=1, scheduling_strategy="SPREAD")(use)
        found = ray.get([task.remote() for _ in range(4)])
        assert {data for _, data in found} == {b"from the driver"}
        assert pool.read(block_id, 11, 500) == b"from a task"

    def test_a_map_is_shared_by_the_nodes_processes(
        self,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
        grid: Grid,
    ) -> None:
        block_id = pool.allocate(1 << 20, nodes[0])
        view = np.frombuffer(pool.map(block_id), np.uint8)
        view[:] = 7
        assert grid.store_path is not None
        code = (
            "import sys; from pathlib import Path\n"
            "from gridcache.store.opening import open_store\n"
            "blocks = open_store(Path(sys.argv[1])).blocks\n"
            "number = int(sys.argv[2].split('_')[1])\n"
            "view = blocks.map(number)\n"
            "assert set(view) == {7}\n"
            "view[100] = 9\n"
        )
        command = [sys.executable, "-c", code, str(grid.store_path), block_id]
        subprocess.run(command, check=True, timeout=60)
        assert view[100] == 9

    def test_detached_blocks_outlive_their_pool_and_others_do_not(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        nodes: tuple[str, str],
    ) -> None:
        with DistributedMemoryPool.sync(grid) as other:
            kept = [other.allocate(10, node, detached=True) for node in nodes]
            gone = [other.allocate(10, node) for node in nodes]
        there = {block.block_id for block in pool.list_blocks()}
        assert there >= set(kept)
        assert not there & set(gone)
        pool.deallocate_many(kept)

    @pytest.mark.usefixtures("killed_driver")  # is missed meanwhile
    def test_a_lost_node_is_said_to_be_lost(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        ray_cluster: RayCluster,
    ) -> None:
        node = ray_cluster.add_node("short-lived")
        wait_until(lambda: grid.view().by_name("short-lived") is not None)
        block_id = pool.allocate(1000, "short-lived")
        pool.write(block_id, b"here")
        ray_cluster.kill_node(node)
        with pytest.raises(NodeLostError, match=block_id):
            read_until_lost(pool, block_id)
        assert block_id not in {block.block_id for block in pool.list_blocks()}

    def test_a_killed_drivers_blocks_are_reaped_on_every_node(
        self, pool: SyncDistributedMemoryPool, killed_driver: set[str]
    ) -> None:
        def left() -> set[str]:
            return killed_driver & {block.block_id for block in pool.list_blocks()}

        wait_until(lambda: not left(), lambda: f"{left()} are still there")

    def test_a_draining_node_gives_its_blocks_away(
        self,
        grid: Grid,
        pool: SyncDistributedMemoryPool,
        ray_cluster: RayCluster,
    ) -> None:
        ray_cluster.add_node("leaving")
        wait_until(lambda: grid.view().by_name("leaving") is not None)
        blocks: list[str] = []
        while not any(one.endswith("_leaving") for one in blocks):
            blocks.append(pool.allocate(100_000))
            pool.write(blocks[-1], blocks[-1].encode())
        grid.drain("leaving")
        nodes = {one.block_id: one.node for one in pool.list_blocks()}
        assert "leaving" not in nodes.values()
        assert nodes.keys() == set(blocks)
        for block_id in blocks:
            assert pool.read(block_id, len(block_id)) == block_id.encode()

    @pytest.mark.soak
    def test_a_cluster_file_says_who_gives_memory(
        self, ray_cluster: RayCluster, grid_name: str, tmp_path: Path
    ) -> None:
        ray_cluster.add_node("gpu2")
        ray_cluster.add_node("gpu3")
        path = tmp_path / "cluster.yaml"
        path.write_text(
            f"""
            nodes:
              - {{name: gpu2, host: gpu2, role: worker, memory_gb: 0.046875}}
              - {{name: gpu3, host: gpu3, role: worker, memory_gb: 0.046875}}
            gridcache: {{grid: {grid_name}}}
            execution: {{resource_sharing: {{enabled: true, mode: dynamic_balancing}}}}
            """
        )

        file = gridcache.load_cluster_config(path)
        # The pool goes by the nodes that serve: of a grid just made, one perhaps.
        with gridcache.connect(config=file) as grid:
            wait_for_nodes(grid, "gpu2", "gpu3")
            assert {one.capacity_nbytes for one in grid.nodes()} == {48 << 20}
            assert_this_one_gives_none(grid)

        async def use() -> None:
            async with DistributedMemoryPool(file) as pool:
                block_id = await pool.allocate(10 << 20, preferred_node="gpu2")
                await pool.write(block_id, b"from a driver without a store", 5 << 20)
                found = await pool.read(block_id, 29, 5 << 20)
                assert found == b"from a driver without a store"
                stats = await pool.get_stats()
                assert [row["node"] for row in stats["nodes"]] == ["gpu2", "gpu3"]
                with pytest.raises(NoAvailableNodesError):
                    await pool.allocate(10, preferred_node="gpu9")

        asyncio.run(use())
        with gridcache.connect(name=grid_name, create=False) as grid:
            with DistributedMemoryPool.sync(grid) as pool:
                assert pool.list_blocks() == []
                movable = pool.allocate(1 << 20)
                node = movable.rsplit("_", 1)[1]
                pool.write(movable, b"moves")
                pool.allocate(_free(pool, node), node)
                wait_until(lambda: _nodes(pool)[movable] != node)
                assert pool.read(movable, 5) == b"moves"
            grid.stop(remove_stores=True)


def assert_this_one_gives_none(grid: Grid) -> None:
    """As a driver on a machine that the file does not list."""
    assert (grid.here, grid.store) == (None, None)
    with pytest.raises(NoAvailableNodesError, match="memory_gb"):
        grid.cache("anything")


def _nodes(pool: SyncDistributedMemoryPool) -> dict[str, str]:
    return {one.block_id: one.node for one in pool.list_blocks()}


def _free(pool: SyncDistributedMemoryPool, node: str) -> int:
    rows = {row["node"]: row for row in pool.get_stats()["nodes"]}
    return int(rows[node]["free_bytes"])


class TestDistributedMemoryHelper:
    """Objects, arrays, data under keys."""

    def test_objects_and_arrays(self, grid: Grid, nodes: tuple[str, str]) -> None:
        async def use() -> None:
            async with DistributedMemoryPool(grid) as pool:
                helper = DistributedMemoryHelper(pool)
                array = np.random.default_rng(2).random((500, 500))
                for node in nodes:
                    block_id = await helper.store_numpy_array(
                        array, preferred_node=node
                    )
                    found = await helper.retrieve_numpy_array(block_id)
                    np.testing.assert_array_equal(found, array)
                    other = await helper.store_object(
                        {"a": [1, 2]}, preferred_node=node
                    )
                    assert await helper.retrieve_object(other) == {"a": [1, 2]}
                assert (await helper.get_memory_usage_summary())["blocks"] == 4

        asyncio.run(use())

    def test_data_under_keys(self, grid: Grid, nodes: tuple[str, str]) -> None:
        async def use() -> None:
            async with DistributedMemoryPool(grid) as pool:
                helper = DistributedMemoryHelper(pool)
                assert await helper.get_cached_data("result") is None
                await helper.cache_large_data("result", np.arange(100_000))
                found = await helper.get_cached_data("result")
                assert found is not None
                assert found[-1] == 99_999
                await helper.clear_cache()
                assert await helper.get_cached_data("result") is None

        asyncio.run(use())

    def test_data_under_keys_on_a_node_by_name(
        self, grid: Grid, nodes: tuple[str, str]
    ) -> None:
        async def use() -> None:
            async with DistributedMemoryPool(grid) as pool:
                helper = DistributedMemoryHelper(pool)
                await helper.cache_large_data("key", [1])
                for number, node in enumerate(nodes):
                    value = np.full(200_000, number)
                    await helper.cache_large_data("key", value, preferred_node=node)
                    found = await helper.get_cached_data("key")
                    np.testing.assert_array_equal(found, value)
                    summary = await helper.get_memory_usage_summary()
                    assert summary["cached_keys"] == 1
                await helper.cache_large_data("key", [4])
                assert await helper.get_cached_data("key") == [4]
                await helper.cache_large_data("key", [5], preferred_node=nodes[1])
                await helper.clear_cache("key")
                assert await helper.get_cached_data("key") is None
                assert (await helper.get_memory_usage_summary())["cached_keys"] == 0

        asyncio.run(use())


def test_end_to_end_as_the_document_shows_it(
    grid: Grid,
    nodes: tuple[str, str],
) -> None:
    async def example() -> tuple[MemoryBlock, ...]:
        pool = DistributedMemoryPool(grid)
        await pool.initialize()
        helper = DistributedMemoryHelper(pool)
        array = np.random.default_rng(3).random((1000, 1000))
        block_id = await helper.store_numpy_array(array, preferred_node=nodes[1])
        retrieved = await helper.retrieve_numpy_array(block_id)
        assert (retrieved == array).all()
        raw = await pool.allocate(5 << 20)
        await pool.write(raw, b"data")
        assert await pool.read(raw, len(b"data")) == b"data"
        blocks = await asyncio.gather(*(pool.allocate(2000) for _ in range(200)))
        await pool.write_many((one, one.encode()) for one in blocks)
        found = await pool.read_many((one, len(one)) for one in blocks)
        assert found == [one.encode() for one in blocks]
        listed = await pool.list_blocks()
        assert len(listed) == 202
        await pool.shutdown()
        return tuple(listed)

    listed = asyncio.run(example())
    assert {block.node for block in listed} == set(nodes)
    for member in grid.view().members:
        store = open_store(Path(member.store))
        try:
            assert store.stats().blocks == 0
            report = store.check()
            assert report.ok, report.problems
        finally:
            close_store(store)
