"""Memory blocks of one store: what each call promises."""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gridcache.errors import (
    BlockNotFoundError,
    BlockRangeError,
    ConfigError,
    OutOfSpaceError,
    ValueTooLargeError,
)
from gridcache.store.block_pools import all_pools
from gridcache.store.files import allocated_nbytes
from gridcache.store.opening import close_store, open_store
from tests.store.kit.shop import Shop

CAPACITY = 4 << 20


# -- bytes ---------------------------------------------------------------------


@pytest.mark.parametrize("nbytes", [1, 63, 64, 65, 100_000, 3 << 20])
def test_a_new_block_reads_as_zeros(shop: Shop, nbytes: int) -> None:
    shop.store.blocks.allocate(0, nbytes)
    assert shop.store.blocks.read(0) == bytes(nbytes)


@pytest.mark.parametrize("nbytes", [500, 50_000, 1 << 20])
def test_a_new_block_reads_as_zeros_also_in_dirty_memory(
    shop: Shop, nbytes: int
) -> None:
    blocks = shop.store.blocks
    for number in range(20):
        blocks.allocate(number, nbytes)
        assert blocks.read(number) == bytes(nbytes)
        blocks.write(number, b"\xff" * nbytes)
        if number >= 3:
            blocks.free(number - 3)
    assert shop.store.stats().reused_nbytes


def test_bytes_are_written_and_read_at_offsets(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(7, 1000)
    assert blocks.write(7, b"abc") == 3
    assert blocks.write(7, b"xyz", 997) == 3
    assert blocks.write(7, b"", 1000) == 0
    assert blocks.read(7, 3) == b"abc"
    assert blocks.read(7, offset=996) == b"\0xyz"
    assert blocks.read(7, 0, 1000) == b""
    assert blocks.read(7, 4, 2) == b"c\0\0\0"


def test_anything_with_a_buffer_can_be_written(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 64)
    array = np.arange(16, dtype=np.uint16).reshape(4, 4)
    blocks.write(0, array.T)
    assert blocks.read(0, 32) == array.T.tobytes()
    blocks.write(0, array[1:3], 32)
    assert blocks.read(0, 16, 32) == array[1:3].tobytes()


def test_a_buffer_can_be_filled(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 100)
    blocks.write(0, b"hello", 10)
    into = np.zeros(5, np.uint8)
    blocks.read_into(0, into, 10)
    assert into.tobytes() == b"hello"


@pytest.mark.parametrize(
    ("offset", "nbytes"), [(-1, 1), (0, 101), (100, 1), (50, 51), (sys.maxsize, 1)]
)
def test_outside_its_range_not_a_byte_is_touched(
    shop: Shop, offset: int, nbytes: int
) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 100)
    blocks.allocate(1, 100)
    blocks.write(0, b"\x01" * 100)
    for call in (
        lambda: blocks.write(0, b"\x02" * nbytes, offset),
        lambda: blocks.read(0, nbytes, offset),
        lambda: blocks.read_into(0, bytearray(nbytes), offset),
        lambda: blocks.check_ranges([(0, nbytes, offset)]),
    ):
        with pytest.raises(BlockRangeError, match="outside memory block 0"):
            call()
    assert blocks.read(0) == b"\x01" * 100
    assert blocks.read(1) == bytes(100)


def test_a_range_beyond_the_end_without_a_size_is_refused(shop: Shop) -> None:
    shop.store.blocks.allocate(0, 100)
    assert shop.store.blocks.read(0, offset=100) == b""
    with pytest.raises(BlockRangeError):
        shop.store.blocks.read(0, offset=101)


@pytest.mark.parametrize("nbytes", [0, -5])
def test_a_block_without_bytes_is_refused(shop: Shop, nbytes: int) -> None:
    with pytest.raises(BlockRangeError, match="the least is 1"):
        shop.store.blocks.allocate(0, nbytes)


# -- which there are -----------------------------------------------------------


def test_unknown_and_freed_blocks_are_told_apart(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(3, 100)
    blocks.free(3)
    for number, reason in ((3, "freed"), (4, "unknown")):
        for call in (
            lambda n=number: blocks.read(n),
            lambda n=number: blocks.write(n, b"x"),
            lambda n=number: blocks.map(n),
            lambda n=number: blocks.free(n),
            lambda n=number: blocks.info(n),
        ):
            with pytest.raises(BlockNotFoundError) as caught:
                call()
            assert caught.value.reason == reason


def test_old_freed_blocks_are_forgotten(shop: Shop) -> None:
    blocks = shop.store.blocks
    for number in range(1100):
        blocks.allocate(number, 10)
    assert len(blocks.free_many(range(1100))) == 1100
    reasons = []
    for number in (0, 1099):
        with pytest.raises(BlockNotFoundError) as caught:
            blocks.read(number)
        reasons.append(caught.value.reason)
    assert reasons == ["unknown", "freed"]


def test_numbers_are_never_given_twice(shop: Shop) -> None:
    blocks = shop.store.blocks
    first = blocks.new_numbers(3)
    assert blocks.new_numbers() == first + 3
    blocks.allocate(90, 10)
    assert blocks.new_numbers() == 91
    with pytest.raises(ConfigError, match="already"):
        blocks.allocate(90, 10)


def test_blocks_are_listed_as_they_are(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(5, 100, "mine")
    blocks.allocate(2, 200, "mine", detached=True)
    blocks.allocate(9, 300, "yours", fixed=True)
    blocks.write(5, b"x")
    blocks.read(5)
    seen = list(blocks.list())
    assert [
        (one.number, one.nbytes, one.accesses, one.pool, one.detached, one.fixed)
        for one in seen
    ] == [
        (2, 200, 0, "", True, False),
        (5, 100, 2, "mine", False, False),
        (9, 300, 0, "yours", False, True),
    ]
    assert blocks.info(5) == seen[1]
    assert seen[0].created_at > 1e9


def test_stats_and_checks_know_the_blocks(shop: Shop) -> None:
    shop.store.blocks.allocate(0, 100_000)
    shop.store.blocks.allocate(1, 50)
    stats = shop.store.stats()
    assert (stats.blocks, stats.blocks_nbytes) == (2, 100_032 + 64)
    assert shop.store.check().ok
    shop.store.blocks.free(0)
    assert shop.store.stats().blocks_nbytes == 64


def test_blocks_live_through_a_closing(store_dir: Path) -> None:
    first = open_store(store_dir / "again", capacity_nbytes=CAPACITY)
    first.blocks.own("mine")
    first.blocks.allocate(4, 70_000, "mine", detached=True)
    first.blocks.allocate(5, 70_000, "mine")
    first.blocks.write(4, b"still here", 60_000)
    close_store(first)
    again = open_store(store_dir / "again")
    try:
        assert again.blocks.read(4, 10, 60_000) == b"still here"
        again.tidy()
        assert [one.number for one in again.blocks.list()] == [4]
        again.blocks.free(4)
        assert again.check().ok
    finally:
        close_store(again)


# -- room ----------------------------------------------------------------------


def filled(open_shop: Callable[..., Shop], nbytes: int = 60_000) -> Shop:
    shop = open_shop(CAPACITY, compression=None)
    shop.put("entry0", 0, nbytes)
    for number in range(200):
        shop.put(f"entry{number}", number, nbytes)
    return shop


def test_a_block_pushes_entries_out_before_it_is_refused(
    open_shop: Callable[..., Shop],
) -> None:
    shop = filled(open_shop)
    entries = len(shop.keys())
    for number in range(4):
        shop.store.blocks.allocate(number, 500_000)
        assert shop.store.blocks.read(number) == bytes(500_000)
        assert shop.store.check().ok
    assert len(shop.keys()) < entries - 4 * 8


def test_entries_never_push_a_block_out_nor_move_it(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    blocks = shop.store.blocks
    for number in range(20):
        blocks.allocate(number, 40_000 + number * 64)
        blocks.write(number, bytes([number]) * (40_000 + number * 64))
    where = {n: block.offset for n, block in blocks._space.records()}
    for number in range(400):
        shop.put(f"entry{number}", number, 1000 + number * 997 % 90_000)
    assert {n: block.offset for n, block in blocks._space.records()} == where
    for number in range(20):
        assert set(blocks.read(number)) == {number}


def test_a_store_full_of_blocks_says_so_and_loses_nothing_in_vain(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    blocks, number = shop.store.blocks, 0
    while blocks.sizes().room_nbytes > 100_000:
        blocks.allocate(number, 100_000)
        number += 1
    assert number > 20
    with pytest.raises(OutOfSpaceError, match="blocks hold"):
        blocks.allocate(number, 100_000)
    shop.put("entry", 1, 5000)
    with pytest.raises(OutOfSpaceError):
        blocks.allocate(number, 100_000)
    assert shop.number("entry") == 1
    blocks.free(3)
    blocks.allocate(number, 100_000)
    assert shop.number("entry") == 1
    assert blocks.sizes().room_nbytes < 100_000


def test_a_block_that_can_never_fit_is_told_the_limit(shop: Shop) -> None:
    with pytest.raises(ValueTooLargeError, match="can never fit"):
        shop.store.blocks.allocate(0, 1 << 40)


def test_the_largest_block_fits_beside_a_cache(open_shop: Callable[..., Shop]) -> None:
    shop = filled(open_shop)
    room = shop.store.blocks.sizes().room_nbytes
    shop.store.blocks.allocate(0, room)
    assert shop.store.blocks.sizes().room_nbytes == 0
    shop.put("small", 1, 100)
    shop.put("in the arena", 1, 10_000)
    assert shop.number("in the arena") == 1
    shop.store.blocks.free(0)
    assert shop.store.blocks.sizes().room_nbytes == room


def test_pinned_entries_are_not_pushed_out(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    for number in range(30):
        shop.put(f"pinned{number}", number, 90_000, pinned=True)
    with pytest.raises(OutOfSpaceError, match="memory blocks"):
        shop.store.blocks.allocate(0, 2 << 20)
    assert all(shop.number(f"pinned{number}") == number for number in range(30))


def test_the_bound_holds_and_the_index_grows_beside_blocks(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(32 << 20)
    blocks = shop.store.blocks
    blocks.allocate(0, blocks.sizes().room_nbytes - (1 << 20))
    before = shop.store.stats().index_nbytes
    for number in range(8000):
        shop.put(f"small{number}", number, 20)
    stats = shop.store.stats()
    assert stats.index_nbytes > before
    assert allocated_nbytes(shop.store.directory) <= 32 << 20
    assert len(shop.keys()) > 4000


def test_shrinking_below_a_block_is_refused_and_costs_no_entry(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(32 << 20)
    shop.put("entry", 1, 100_000)
    shop.store.blocks.allocate(0, 20 << 20)
    shop.put("above", 2, 100_000)
    with pytest.raises(OutOfSpaceError):
        shop.store.resize(8 << 20)
    assert (shop.number("entry"), shop.number("above")) == (1, 2)
    shop.store.blocks.free(0)
    shop.store.resize(8 << 20)


# -- maps ----------------------------------------------------------------------


def test_a_map_is_the_block_itself(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 10)
    blocks.allocate(1, 100_000)
    view = blocks.map(1)
    assert (len(view), view.readonly) == (100_000, False)
    view[99_990:] = b"0123456789"
    assert blocks.read(1, offset=99_990) == b"0123456789"
    blocks.write(1, b"abc", 50_000)
    assert bytes(view[50_000:50_003]) == b"abc"
    assert blocks.info(1).fixed
    assert not blocks.info(0).fixed


def test_a_mapped_block_that_is_freed_stays_until_the_last_view(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 100_000)
    array = np.frombuffer(blocks.map(0), np.uint8)[1000:2000]
    array[:] = 5
    blocks.free(0)
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 100_032
    for number in range(1, 200):
        blocks.allocate(number, 100_000)
        blocks.write(number, b"\xff" * 100_000)
        blocks.free(number)
    assert set(array) == {5}
    array[:] = 6
    del array
    shop.store.check()
    assert shop.store.stats().retired_nbytes == 0


def test_without_a_pin_left_blocks_are_still_written(shop: Shop) -> None:
    blocks, row = shop.store.blocks, shop.store._parts.row
    blocks.allocate(0, 100)
    taken = list(row._free)
    row._free.clear()
    try:
        blocks.write(0, b"all the same", 5)
        assert blocks.read(0, 12, 5) == b"all the same"
        with pytest.raises(OutOfSpaceError, match="views"):
            blocks.map(0)
    finally:
        row._free.extend(taken)


def test_a_place_in_the_file_is_held(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.allocate(0, 100_000)
    blocks.write(0, b"sent from here", 500)
    fd, offset, hold = blocks.place(0, 14, 500)
    blocks.free(0)
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 100_032
    assert os.pread(fd, 14, offset) == b"sent from here"
    hold.end()
    shop.store.check()
    assert shop.store.stats().retired_nbytes == 0


# -- pools ---------------------------------------------------------------------


def test_a_pools_blocks_go_with_it_and_no_others(shop: Shop) -> None:
    blocks = shop.store.blocks
    for number in range(40):
        blocks.allocate(number, 100, "far away")
    blocks.allocate(40, 100, "far away", detached=True)
    blocks.allocate(41, 100, "other")
    blocks.allocate(42, 100)
    assert blocks.reap_pool("far away") == 40
    assert blocks.reap_pool("far away") == 0
    assert [one.number for one in blocks.list()] == [40, 41, 42]


def test_the_pool_of_a_living_process_is_not_reaped(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.own("mine")
    blocks.allocate(0, 100, "mine")
    blocks.allocate(1, 100, "elsewhere")
    assert blocks.reap_dead() == 0
    shop.store.tidy()
    assert len(list(blocks.list())) == 2
    assert blocks.reap_pool("mine") == 1


def test_an_owned_pool_outlives_its_last_block(shop: Shop) -> None:
    blocks = shop.store.blocks
    blocks.own("mine")
    blocks.allocate(0, 100, "mine")
    blocks.free(0)
    blocks.allocate(1, 100, "mine")
    pools = shop.store._parts.index.snapshot(lambda txn: list(all_pools(txn)))
    assert [(pool.text, pool.row) for _, pool in pools] == [
        ("mine", shop.store._parts.row.row)
    ]
    blocks.reap_pool("mine")
