"""The pool over real streams: what each call promises, near and far."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from gridcache.errors import (
    AllocationError,
    BlockNotFoundError,
    BlockRangeError,
    ConfigError,
    NoAvailableNodesError,
    NodeLostError,
    PoolNotInitializedError,
)
from gridcache.pool import MemoryBlock, SyncDistributedMemoryPool
from tests.pool.members import TestGrid

Pool = SyncDistributedMemoryPool


# -- one block -----------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [1, 1000, 100_000, 3 << 20])
def test_a_block_is_zero_then_what_was_written(
    pool: Pool, node: str, nbytes: int
) -> None:
    block_id = pool.allocate(nbytes, node)
    assert block_id.endswith(f"_{node}")
    assert pool.read(block_id) == bytes(nbytes)
    data = np.random.default_rng(1).integers(0, 255, nbytes, np.uint8).tobytes()
    assert pool.write(block_id, data) == nbytes
    assert pool.read(block_id) == data
    middle = nbytes // 2
    assert pool.write(block_id, data[:middle], nbytes - middle) == middle
    assert pool.read(block_id, middle, nbytes - middle) == data[:middle]
    assert pool.read(block_id, nbytes - middle) == data[: nbytes - middle]
    assert pool.read(block_id, 0, nbytes) == b""


def test_large_bytes_go_in_several_messages(
    pool: Pool, node: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.blocks.remote._MESSAGE_NBYTES", 70_000)
    monkeypatch.setattr("gridcache.cluster.blocks.service.ANSWER_NBYTES", 70_000)
    block_id = pool.allocate(1 << 20, node)
    data = np.random.default_rng(1).integers(0, 255, 1 << 20, np.uint8)
    pool.write(block_id, data)
    assert pool.read(block_id) == data.tobytes()
    assert pool.read(block_id, 500_000, 12_345) == data[12_345:512_345].tobytes()
    with pytest.raises(BlockRangeError):
        pool.write(block_id, bytes(1 << 20), 1)
    assert pool.read(block_id) == data.tobytes()
    small = pool.allocate_many([1000] * 300, node)
    found = pool.read_many([*small, block_id, small[0], (block_id, 10, 5)])
    assert found[:300] == [bytes(1000)] * 300
    assert found[300:] == [data.tobytes(), bytes(1000), data[5:15].tobytes()]


def test_what_is_wrong_names_the_id_and_changes_nothing(pool: Pool, node: str) -> None:
    block_id = pool.allocate(100, node)
    pool.write(block_id, b"\x01" * 100)
    for call in (
        lambda: pool.write(block_id, b"\x02" * 50, 51),
        lambda: pool.write(block_id, b"\x02", -1),
        lambda: pool.read(block_id, 101),
        lambda: pool.read(block_id, 1, 100),
        lambda: pool.read(block_id, offset=101),
    ):
        with pytest.raises(BlockRangeError, match=block_id):
            call()
    assert pool.read(block_id) == b"\x01" * 100


def test_unknown_and_freed_blocks(pool: Pool, node: str) -> None:
    block_id = pool.allocate(100, node)
    pool.deallocate(block_id)
    for wrong, reason in (
        (block_id, "freed"),
        (f"block_999_{node}", "unknown"),
        ("nonsense", "unknown"),
    ):
        calls: list[Any] = [pool.read, pool.deallocate, lambda w: pool.write(w, b"x")]
        for call in calls:
            with pytest.raises(BlockNotFoundError, match=wrong) as caught:
                call(wrong)
            assert caught.value.reason == reason


def test_ids_are_counted_per_grid_from_zero(grid: TestGrid, pool: Pool) -> None:
    assert pool.allocate(10, "gpu1") == "block_0_gpu1"
    assert pool.allocate(10, "gpu2") == "block_1_gpu2"
    with Pool(grid.seen_from("gpu2")) as other:
        ids = [pool.allocate(10), other.allocate(10), pool.allocate(10)]
        numbers = [int(block_id.split("_")[1]) for block_id in ids]
        assert len({0, 1, *numbers}) == 5
    pool.deallocate(ids[0])
    assert pool.allocate(10) not in ids


def test_any_pool_opens_any_block(grid: TestGrid, pool: Pool) -> None:
    here, there = pool.allocate(100, "gpu1"), pool.allocate(100, "gpu2")
    pool.write(here, b"here")
    pool.write(there, b"there")
    for place in ("gpu1", "gpu2", None):
        with Pool(grid.seen_from(place)) as other:
            assert other.read(here, 4) == b"here"
            assert other.read(there, 5) == b"there"
            other.write(there, b"again", 10)
    assert pool.read(there, 5, 10) == b"again"


def test_a_map_is_for_ones_own_node(pool: Pool) -> None:
    here, there = pool.allocate(100, "gpu1"), pool.allocate(100, "gpu2")
    pool.map(here)[10:15] = b"mapped"[:5]
    assert pool.read(here, 5, 10) == b"mappe"
    with pytest.raises(ConfigError, match=f"{there} lies on node 'gpu2'"):
        pool.map(there)


# -- where ---------------------------------------------------------------------


def test_without_a_wish_the_node_with_most_memory_is_taken(pool: Pool) -> None:
    ids = [pool.allocate(500_000) for _ in range(8)]
    assert {block_id.rsplit("_", 1)[1] for block_id in ids} == {"gpu1", "gpu2"}
    assert sum(block_id.endswith("gpu1") for block_id in ids) == 4


def test_a_wish_is_strict(pool: Pool) -> None:
    room = _room(pool, "gpu2")
    pool.allocate(room, "gpu2")
    with pytest.raises(AllocationError, match="Failed to allocate memory block") as e:
        pool.allocate(100_000, "gpu2")
    assert "deallocate" in str(e.value)
    assert pool.allocate(100_000).endswith("gpu1")


def test_a_full_grid_says_what_each_node_said(pool: Pool) -> None:
    for name in ("gpu1", "gpu2"):
        pool.allocate(_room(pool, name), name)
    with pytest.raises(AllocationError) as caught:
        pool.allocate(1000)
    assert str(caught.value).startswith("Failed to allocate memory block")
    assert "gpu1: " in str(caught.value)
    assert "gpu2: " in str(caught.value)


@pytest.mark.parametrize("nbytes", [0, -1])
def test_a_block_without_bytes_is_refused(pool: Pool, nbytes: int) -> None:
    with pytest.raises(AllocationError, match="the least is 1"):
        pool.allocate(nbytes)


def test_unknown_nodes_and_none_at_all(grid: TestGrid, pool: Pool) -> None:
    with pytest.raises(NoAvailableNodesError) as caught:
        pool.allocate(10, "gpu9")
    assert str(caught.value).startswith("No available nodes for memory allocation")
    assert "'gpu1', 'gpu2'" in str(caught.value)
    grid.members["gpu1"].draining = grid.members["gpu2"].draining = True
    with pytest.raises(NoAvailableNodesError, match="no node gives memory"):
        pool.allocate(10)


def test_a_draining_node_takes_no_new_blocks_and_serves_those_it_has(
    grid: TestGrid, pool: Pool
) -> None:
    before = pool.allocate(10, "gpu2")
    grid.members["gpu2"].draining = True
    assert all(pool.allocate(10).endswith("gpu1") for _ in range(4))
    pool.write(before, b"served")
    assert pool.read(before, 6) == b"served"


def _room(pool: Pool, name: str) -> int:
    rows = {row["node"]: row for row in pool.get_stats()["nodes"]}
    return int(rows[name]["free_bytes"])


# -- many ----------------------------------------------------------------------


def test_many_at_once(pool: Pool) -> None:
    ids = pool.allocate_many([1000] * 20 + [70_000] * 10)
    assert len(set(ids)) == 30
    pool.write_many((block_id, bytes([n]) * 1000) for n, block_id in enumerate(ids))
    pool.write_many([(ids[3], b"offset", 900), (ids[4], b"offset", 0)])
    found = pool.read_many([*ids, (ids[3], 6, 900), (ids[4], 3)])
    assert [data[500] for data in found[:30]] == list(range(30))
    assert [len(data) for data in found[:30]] == [1000] * 20 + [70_000] * 10
    assert found[30:] == [b"offset", b"off"]
    pool.deallocate_many(ids[:15])
    assert [block.block_id for block in pool.list_blocks()] == sorted(
        ids[15:], key=lambda one: int(one.split("_")[1])
    )


def test_several_are_freed_or_none(pool: Pool) -> None:
    ids = [pool.allocate(10, "gpu1"), pool.allocate(10, "gpu2")]
    with pytest.raises(BlockNotFoundError):
        pool.deallocate_many([*ids, "block_77_gpu1"])
    assert len(pool.list_blocks()) == 2
    pool.deallocate_many([*ids, ids[0]])
    assert pool.list_blocks() == []


def test_several_are_allocated_or_none(pool: Pool) -> None:
    with pytest.raises(AllocationError):
        pool.allocate_many([1000, 1 << 40, 1000])
    assert pool.list_blocks() == []
    assert pool.allocate_many([]) == []


def test_a_bad_write_among_many_stops_all_on_its_node(pool: Pool, node: str) -> None:
    ids = pool.allocate_many([10, 10], node)
    with pytest.raises(BlockRangeError, match=ids[1]):
        pool.write_many([(ids[0], b"good"), (ids[1], b"bad", 8)])
    assert pool.read_many(ids) == [bytes(10)] * 2


def test_items_with_wrong_parts(pool: Pool) -> None:
    with pytest.raises(TypeError, match="parts"):
        pool.write_many([("block_0_gpu1",)])


def test_threads_share_a_pool(pool: Pool) -> None:
    def work(number: int) -> str:
        block_id = pool.allocate(1000)
        pool.write(block_id, number.to_bytes(8, "little"))
        assert pool.read(block_id, 8) == number.to_bytes(8, "little")
        return block_id

    with ThreadPoolExecutor(8) as threads:
        ids = list(threads.map(work, range(200)))
    assert len(set(ids)) == 200
    assert pool.get_stats()["blocks"] == 200


# -- life ----------------------------------------------------------------------


def test_before_and_after_its_life_a_pool_says_so(grid: TestGrid) -> None:
    pool = Pool(grid)
    for _ in range(2):
        with pytest.raises(PoolNotInitializedError) as caught:
            pool.allocate(10)
        assert str(caught.value).startswith(
            "Distributed memory pool is not initialized"
        )
        pool.initialize()
        pool.initialize()
        pool.allocate(10)
        pool.shutdown()
        pool.shutdown()


def test_a_shutdown_frees_the_pools_blocks_and_no_others(
    grid: TestGrid, pool: Pool
) -> None:
    with Pool(grid) as other:
        for name in ("gpu1", "gpu2"):
            other.allocate(10, name)
            other.allocate(10, name, detached=True)
            pool.allocate(10, name)
    assert len(pool.list_blocks()) == 4
    pool.deallocate_many(block.block_id for block in pool.list_blocks())


def test_blocks_as_people_see_them(pool: Pool) -> None:
    block_id = pool.allocate(1000, "gpu2")
    pool.write(block_id, b"x")
    pool.read(block_id)
    (block,) = pool.list_blocks()
    assert block == MemoryBlock(block_id, "gpu2", 1000, block.created_at, 2)
    assert time.time() - block.created_at < 60
    with pytest.raises(AttributeError):
        block.node = "gpu1"  # type: ignore[misc]


def test_statistics(pool: Pool) -> None:
    pool.allocate(1000, "gpu2")
    stats = pool.get_stats()
    assert stats["grid"] == "test"
    assert (stats["blocks"], stats["size_bytes"]) == (1, 1000)
    one, two = stats["nodes"]
    assert (one["node"], one["blocks"]) == ("gpu1", 0)
    assert (two["node"], two["blocks"], two["size_bytes"]) == ("gpu2", 1, 1000)
    assert two["capacity_bytes"] - two["free_bytes"] == 1024
    assert stats["free_bytes"] == one["free_bytes"] + two["free_bytes"]


# -- loss ----------------------------------------------------------------------


def test_a_lost_node_takes_its_blocks_along(grid: TestGrid, pool: Pool) -> None:
    here, there = pool.allocate(10, "gpu1"), pool.allocate(10, "gpu2")
    node = grid.members.pop("gpu2")
    node.stop()
    for call in (pool.read, pool.deallocate):
        with pytest.raises(NodeLostError, match=there):
            call(there)
    with pytest.raises(NodeLostError, match=there):
        pool.read_many([here, there])
    assert pool.read(here) == bytes(10)
    assert [block.block_id for block in pool.list_blocks()] == [here]
    assert pool.allocate(10).endswith("gpu1")


def test_a_node_that_restarts_is_found_again(grid: TestGrid, pool: Pool) -> None:
    block_id = pool.allocate(100, "gpu2")
    pool.write(block_id, b"still here")
    node = grid.members["gpu2"]
    node.stop()
    with ThreadPoolExecutor(1) as threads:
        waiting = threads.submit(pool.read, block_id, 10)
        time.sleep(0.2)
        node.start()
        assert waiting.result(20) == b"still here"
    pool.deallocate(block_id)


def test_a_killed_clients_blocks_are_freed_elsewhere(grid: TestGrid) -> None:
    far = grid.members["gpu2"]
    far.stop()
    far.grace_s = 0.2
    far.start()
    pool = Pool(grid)
    pool.initialize()
    pool.allocate(10, "gpu2")
    kept = pool.allocate(10, "gpu2", detached=True)
    opened = pool._opened
    assert opened is not None
    opened.nodes._keeper.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 20
    while far.store.stats().blocks > 1:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    pool.deallocate(kept)
    pool.shutdown()
