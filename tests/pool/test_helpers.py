"""Objects and arrays in blocks, data under keys, from asyncio."""

import asyncio
import threading
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from gridcache.errors import (
    BlockNotFoundError,
    CorruptFramesError,
    NotEncodableError,
    UnsafeCodecError,
)
from gridcache.helpers import DistributedMemoryHelper
from gridcache.pool import DistributedMemoryPool, SyncDistributedMemoryPool
from tests.pool.members import TestGrid

OBJECTS: list[Any] = [
    None,
    b"",
    b"x" * 100_000,
    {"list": [1, 2.5, "three"], "date": date(2026, 1, 23)},
    "text" * 10_000,
    [np.arange(1000), {"deep": np.ones(5)}],
    pd.DataFrame({"a": range(5000), "b": ["x"] * 5000}),
]


@pytest.fixture
def helper(pool: SyncDistributedMemoryPool) -> DistributedMemoryHelper:
    return DistributedMemoryHelper(pool)


@pytest.mark.parametrize(
    "value", OBJECTS, ids=["none", "empty", "bytes", "dict", "text", "list", "frame"]
)
def test_objects_come_back_as_they_were(
    helper: DistributedMemoryHelper, node: str, value: Any
) -> None:
    async def use() -> Any:
        block_id = await helper.store_object(value, preferred_node=node)
        assert block_id.endswith(node)
        return await helper.retrieve_object(block_id)

    found = asyncio.run(use())
    assert type(found) is type(value)
    assert repr(found) == repr(value)


@pytest.mark.parametrize(
    "array",
    [
        np.random.default_rng(1).random((300, 400)),
        np.zeros((0, 3), np.int8),
        np.array(5.0),
        np.asfortranarray(np.arange(12).reshape(3, 4)),
        np.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    ],
    ids=["large", "empty", "scalar", "fortran", "structured"],
)
def test_arrays_keep_shape_and_dtype_and_are_ones_own(
    helper: DistributedMemoryHelper, node: str, array: Any
) -> None:
    async def use() -> tuple[Any, Any]:
        block_id = await helper.store_numpy_array(array, preferred_node=node)
        found = await helper.retrieve_numpy_array(block_id)
        found[...] = np.zeros_like(found)
        return found, await helper.retrieve_numpy_array(block_id)

    changed, again = asyncio.run(use())
    assert (changed.shape, changed.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(again, array)


def test_what_is_no_array_is_said_to_be_none(helper: DistributedMemoryHelper) -> None:
    block_id = asyncio.run(helper.store_object("text"))
    with pytest.raises(TypeError, match="holds a str"):
        asyncio.run(helper.retrieve_numpy_array(block_id))


@pytest.mark.parametrize("content", [b"", b"gcobject", b"gcobject" + b"\xff" * 56])
@pytest.mark.parametrize("nbytes", [10, 64, 500])
def test_a_raw_block_is_no_object(
    helper: DistributedMemoryHelper,
    pool: SyncDistributedMemoryPool,
    nbytes: int,
    content: bytes,
) -> None:
    block_id = pool.allocate(nbytes)
    pool.write(block_id, content[:nbytes])
    with pytest.raises(CorruptFramesError):
        asyncio.run(helper.retrieve_object(block_id))


def test_what_cannot_be_encoded_leaves_no_block(
    helper: DistributedMemoryHelper, pool: SyncDistributedMemoryPool
) -> None:
    with pytest.raises(NotEncodableError):
        asyncio.run(helper.store_object(threading.Lock()))
    assert pool.list_blocks() == []


def test_pickles_can_be_refused(
    helper: DistributedMemoryHelper, pool: SyncDistributedMemoryPool
) -> None:
    careful = DistributedMemoryHelper(pool, allow_pickle=False)
    block_id = asyncio.run(helper.store_object(TestGrid))
    with pytest.raises(UnsafeCodecError):
        asyncio.run(careful.retrieve_object(block_id))
    with pytest.raises(NotEncodableError):
        asyncio.run(careful.store_object(TestGrid))


def test_a_freed_object_is_gone(
    helper: DistributedMemoryHelper, pool: SyncDistributedMemoryPool
) -> None:
    block_id = asyncio.run(helper.store_object([1]))
    pool.deallocate(block_id)
    with pytest.raises(BlockNotFoundError, match=block_id):
        asyncio.run(helper.retrieve_object(block_id))


def test_data_is_cached_under_keys(helper: DistributedMemoryHelper) -> None:
    async def use() -> None:
        assert await helper.get_cached_data("absent") is None
        await helper.cache_large_data("one", np.arange(100_000))
        await helper.cache_large_data("two", {"a": 1})
        found = await helper.get_cached_data("one")
        assert int(found.sum()) == sum(range(100_000))
        assert (await helper.get_memory_usage_summary())["cached_keys"] == 2
        await helper.clear_cache("one")
        await helper.clear_cache("one")
        assert await helper.get_cached_data("one") is None
        assert await helper.get_cached_data("two") == {"a": 1}
        await helper.clear_cache()
        assert await helper.get_cached_data("two") is None

    asyncio.run(use())


def test_the_asynchronous_pool_does_what_its_twin_does(grid: TestGrid) -> None:
    async def use() -> None:
        async with DistributedMemoryPool(grid) as pool:
            helper = DistributedMemoryHelper(pool)
            kept = await helper.store_numpy_array(np.ones(5), preferred_node="gpu2")
            ids = await pool.allocate_many([1000, 2000])
            await pool.write(ids[0], b"one", 5)
            await pool.write_many([(ids[1], b"two")])
            assert await pool.read(ids[0], 3, 5) == b"one"
            assert await pool.read_many([(ids[1], 3)]) == [b"two"]
            single = await pool.allocate(10, "gpu1")
            (await pool.map(single))[:3] = b"map"
            assert await pool.read(single, 3) == b"map"
            assert len(await pool.list_blocks()) == 4
            await pool.deallocate(single)
            await pool.deallocate_many(ids)
            stats = await pool.get_stats()
            assert stats["blocks"] == 1
            assert (await helper.retrieve_numpy_array(kept)).tolist() == [1.0] * 5

    asyncio.run(use())
    with DistributedMemoryPool.sync(grid) as pool:
        assert pool.list_blocks() == []


def test_200_blocks_at_once(grid: TestGrid) -> None:
    async def one(pool: DistributedMemoryPool, number: int) -> None:
        block_id = await pool.allocate(2000)
        await pool.write(block_id, number.to_bytes(4, "big"), number)
        assert await pool.read(block_id, 4, number) == number.to_bytes(4, "big")

    async def use() -> None:
        async with DistributedMemoryPool(grid) as pool:
            await asyncio.gather(*(one(pool, number) for number in range(200)))
            assert (await pool.get_stats())["blocks"] == 200

    asyncio.run(use())
