"""Blocks that begin with their bytes, and numbers drawn by lot."""

from collections.abc import Callable

import numpy as np
import pytest

from gridcache.errors import (
    BlockNotFoundError,
    BlockRangeError,
    ConfigError,
    OutOfSpaceError,
)
from gridcache.store.block_numbers import draw_number, is_counted
from tests.store.kit.shop import Shop


@pytest.mark.parametrize("sizes", [(1,), (24, 208, 5), (70_000, 0, 3), (1 << 20, 64)])
def test_a_block_is_made_of_buffers_end_to_end(
    shop: Shop, sizes: tuple[int, ...]
) -> None:
    pieces = [bytes([n + 1]) * nbytes for n, nbytes in enumerate(sizes)]
    made = shop.store.blocks.making.store(7, pieces)
    assert made == sum(sizes)
    assert shop.store.blocks.read(7) == b"".join(pieces)


def test_more_buffers_than_a_system_call_takes(shop: Shop) -> None:
    pieces = [bytes([n % 251]) * 700 for n in range(3000)]
    shop.store.blocks.making.store(7, pieces)
    assert shop.store.blocks.read(7) == b"".join(pieces)


def test_arrays_are_buffers_too(shop: Shop) -> None:
    array = np.arange(1000, dtype=np.float64)
    shop.store.blocks.making.store(7, [b"head", array])
    assert shop.store.blocks.read(7, offset=4) == array.tobytes()


def test_a_block_of_no_bytes_is_refused(shop: Shop) -> None:
    with pytest.raises(BlockRangeError):
        shop.store.blocks.making.store(7, [b""])


@pytest.mark.parametrize("nbytes", [100, 100_000])
def test_a_number_that_is_taken_is_refused(shop: Shop, nbytes: int) -> None:
    making = shop.store.blocks.making
    making.store(7, [b"a" * nbytes])
    with pytest.raises(ConfigError, match="a memory block 7 already"):
        making.store(7, [b"b" * nbytes])
    assert shop.store.blocks.read(7) == b"a" * nbytes
    assert shop.store.blocks.sizes().blocks == 1


@pytest.mark.parametrize("nbytes", [10_000, 200_000])
def test_an_idle_block_evicts_nothing_and_another_does(shop: Shop, nbytes: int) -> None:
    blocks, keys = shop.store.blocks, [f"key {n}" for n in range(100)]
    for number, key in enumerate(keys):
        shop.put(key, number, 100_000)

    def fill(*, idle: bool = False) -> None:
        for _ in range(1000):
            blocks.making.store(draw_number(), [b"y" * nbytes], idle=idle)

    with pytest.raises(OutOfSpaceError, match="idle"):
        fill(idle=True)
    assert sorted(shop.keys()) == sorted(keys)
    with pytest.raises(OutOfSpaceError):
        fill()
    assert len(shop.keys()) < len(keys) / 2


# -- poured --------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [300, 300_000])
def test_a_source_brings_the_bytes_in_chunks(shop: Shop, nbytes: int) -> None:
    def source(write: Callable[[memoryview], None]) -> None:
        for start in range(0, nbytes, 100):
            write(memoryview(bytes([start % 251]) * 100))

    shop.store.blocks.making.pour(7, nbytes, "", source)
    found = shop.store.blocks.read(7)
    assert found[::100] == bytes(n % 251 for n in range(0, nbytes, 100))


@pytest.mark.parametrize("brought", [0, 99, 101])
def test_a_source_that_brings_too_little_or_too_much_makes_no_block(
    shop: Shop, brought: int
) -> None:
    blocks = shop.store.blocks
    free = blocks.sizes().room_nbytes
    with pytest.raises(ValueError, match="a source brought"):
        blocks.making.pour(7, 100, "", lambda write: write(memoryview(bytes(brought))))
    with pytest.raises(BlockNotFoundError):
        blocks.info(7)
    assert blocks.sizes().room_nbytes == free
    blocks.making.store(7, [b"x"])


# -- numbers -------------------------------------------------------------------


def test_drawn_numbers_leave_the_counter_alone(shop: Shop) -> None:
    blocks = shop.store.blocks
    first = blocks.new_numbers(1)
    drawn = [draw_number() for _ in range(20)]
    for number in drawn:
        assert not is_counted(number)
        blocks.making.store(number, [b"x" * 100])
    assert len({*drawn}) == 20
    assert blocks.new_numbers(1) == first + 1
    assert {info.number for info in blocks.list()} == {*drawn}


def test_freed_drawn_numbers_do_not_push_counted_ones_out_of_memory(
    shop: Shop,
) -> None:
    blocks = shop.store.blocks
    blocks.allocate(blocks.new_numbers(), 100)
    blocks.free(0)
    for _ in range(1100):
        number = draw_number()
        blocks.making.store(number, [b"x"])
        blocks.free(number)
    with pytest.raises(BlockNotFoundError) as caught:
        blocks.read(0)
    assert caught.value.reason == "freed"
