"""Blocks and death: SIGKILL and Ctrl-C at every point leave nothing behind.

What a dead process allocated for its pool is free again; what was acknowledged
and detached is whole; a writer that died left bytes in its own range only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gridcache.errors import BlockNotFoundError
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.interrupts import interrupted_at, killed_at
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 4 << 20
# Interrupted between a directory's opening and its `with`: collected, with a word.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed scandir:ResourceWarning")


@contextmanager
def opened(directory: Path) -> Iterator[Shop]:
    store = open_store(directory, capacity_nbytes=CAPACITY)
    try:
        yield Shop(store, store.namespace(Namespace("default")))
    finally:
        close_store(store)


def crowd(shop: Shop) -> None:
    """A block that stays, and entries everywhere else."""
    shop.store.blocks.allocate(0, 70_000, detached=True)
    shop.store.blocks.write(0, b"kept" * 17_500)
    for number in range(60):
        shop.put(f"crowd{number}", number, 90_000 + 64 * number)


def assert_sound(shop: Shop, point: int) -> None:
    store = shop.store
    store.tidy()
    report = store.check()
    assert report.ok, (point, report.problems)
    stats = store.stats()
    live = sum(extent.nbytes for extent in store.extents()) + stats.blocks_nbytes
    assert stats.arena_nbytes - stats.free_nbytes == live, f"leaked at {point}"
    assert store.blocks.read(0) == b"kept" * 17_500, point


def sweep(directory: Path, work: Callable[[Shop], object], *, stride: int) -> int:
    """Kill a child at every point of its work; returns how many there are."""
    with opened(directory) as shop:
        crowd(shop)
    point, was_killed = 1, True

    def work_in_child() -> None:
        with opened(directory) as shop:
            work(shop)

    while was_killed:
        was_killed = killed_at(point, work_in_child)
        with opened(directory) as shop:
            assert_sound(shop, point)
            assert shop.store.stats().blocks == 1, point
        point += stride
    return point


SOAK = pytest.mark.soak


@pytest.mark.parametrize(
    ("nbytes", "stride"),
    [
        (1000, 37),
        (60_000, 37),
        (500_000, 307),
        pytest.param(1000, 17, marks=SOAK),
        pytest.param(60_000, 17, marks=SOAK),
        pytest.param(500_000, 101, marks=SOAK),
    ],
)
def test_a_killed_allocation_leaks_nothing(
    store_dir: Path, nbytes: int, stride: int
) -> None:
    """At some of its points here, at more of them in `make soak`."""

    def work(shop: Shop) -> None:
        blocks = shop.store.blocks
        blocks.own("mine")
        number = blocks.new_numbers()
        blocks.allocate(number, nbytes, "mine")
        blocks.write(number, b"x" * nbytes)
        blocks.map(number)[5] = 7

    assert sweep(store_dir / "store", work, stride=stride) > 100


def test_a_killed_freeing_leaks_nothing(store_dir: Path) -> None:
    def work(shop: Shop) -> None:
        blocks = shop.store.blocks
        blocks.own("mine")
        first = blocks.new_numbers(40)
        for number in range(first, first + 40):
            blocks.allocate(number, 5000, "mine")
        blocks.free(first)
        blocks.free_many(range(first, first + 20))
        blocks.reap_pool("mine")

    assert sweep(store_dir / "store", work, stride=331) > 1000


def test_a_killed_writer_changed_its_own_range_alone(store_dir: Path) -> None:
    directory = store_dir / "store"
    with opened(directory) as shop:
        crowd(shop)
        shop.store.blocks.allocate(1, 100_000, detached=True)
    point, was_killed = 1, True

    def write_in_child() -> None:
        with opened(directory) as shop:
            shop.store.blocks.write(1, b"\xff" * 50_000, 25_000)

    while was_killed:
        was_killed = killed_at(point, write_in_child)
        with opened(directory) as shop:
            assert_sound(shop, point)
            data = shop.store.blocks.read(1)
            assert not any(data[:25_000]), point
            assert not any(data[75_000:]), point
            assert set(data) <= {0, 255}, point
        point += 29


@pytest.mark.parametrize("nbytes", [1000, 500_000])
def test_an_interrupted_allocation_is_undone_by_the_next(
    open_shop: Callable[..., Shop], nbytes: int
) -> None:
    shop = open_shop(CAPACITY)
    crowd(shop)
    blocks, point, was_interrupted = shop.store.blocks, 1, True

    def work() -> None:
        number = blocks.new_numbers()
        blocks.allocate(number, nbytes)
        blocks.write(number, b"\xff" * nbytes)
        blocks.read(number)
        blocks.map(number)[0] = 1
        blocks.free(number)

    while was_interrupted:
        was_interrupted = interrupted_at(point, work)
        blocks.free_many([one.number for one in blocks.list() if one.number])
        shop.put("after", point, 70_000)  # aborts what this thread left
        assert_sound(shop, point)
        point += 7
    assert shop.store._parts.row.pins_held == 0


def test_a_killed_processs_pool_is_reaped_by_the_others(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    blocks = shop.store.blocks
    with Child("block_pool", shop.store.directory) as child:
        mine, detached = map(int, child.hear().split())
        assert blocks.read(mine, 5) == b"child"
        shop.store.tidy()
        assert {one.number for one in blocks.list()} == {mine, detached}
        child.kill()
        shop.store.tidy()
        with pytest.raises(BlockNotFoundError, match="freed"):
            blocks.read(mine)
        assert blocks.read(detached, 5) == b"child"


def test_a_map_is_seen_by_other_processes_and_outlives_the_block(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    blocks = shop.store.blocks
    with Child("block_pool", shop.store.directory) as child:
        mine, _ = map(int, child.hear().split())
        view = blocks.map(mine)
        child.tell("write")
        child.hear("written")
        assert bytes(view[-4:]) == b"more"
        view[:4] = b"back"
        child.tell("read")
        child.hear("back")
        child.kill()
        shop.store.tidy()
        assert shop.store.stats().blocks == 1
        assert bytes(view[:4]) == b"back"
        assert shop.store.stats().retired_nbytes
        del view
        shop.store.check()
        assert not shop.store.stats().retired_nbytes
