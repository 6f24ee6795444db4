"""SIGKILL at every point of a call: what it held is free, what was there is whole.

A child opens the store and is killed at the first, second, third ... point of
its work; each time the next process must find everything in order. The longest
works are killed at some points in `make test` and at more in `make soak`.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from tests.store.kit.interrupts import killed_at
from tests.store.kit.shop import Shop

CAPACITY = 4 << 20


@contextmanager
def opened(directory: Path, capacity_nbytes: int = CAPACITY) -> Iterator[Shop]:
    store = open_store(directory, capacity_nbytes=capacity_nbytes)
    try:
        yield Shop(store, store.namespace(Namespace("default")))
    finally:
        close_store(store)


def crowd(directory: Path, nbytes: int = 90_000) -> None:
    """Fill the store so that every put must evict."""
    with opened(directory) as shop:
        shop.put("kept", 7, 5000, pinned=True)
        for number in range(60):
            shop.put(f"crowd{number}", number, nbytes + 64 * number)


def sweep(
    directory: Path,
    work: Callable[[Shop], object],
    *,
    stride: int,
    values: tuple[int | None, ...],
) -> int:
    """Kill at every point; returns how many points the work has.

    `key` has the value 1 before; after, it must have one of `values`.
    """
    point, was_killed = 1, True

    def work_in_child() -> None:
        with opened(directory) as shop:
            work(shop)

    while was_killed:
        with opened(directory) as shop:
            shop.put("key", 1, 5000)
        was_killed = killed_at(point, work_in_child)
        with opened(directory) as shop:
            assert_sound(shop, point)
            assert shop.number("key") in (*values, 1), point
        point += stride
    return point


def assert_sound(shop: Shop, point: int) -> None:
    shop.store.tidy()
    report = shop.store.check()
    assert report.ok, (point, report.problems)
    stats = shop.store.stats()
    live = sum(extent.nbytes for extent in shop.store.extents())
    assert stats.arena_nbytes - stats.free_nbytes == live, f"leaked at {point}"
    assert shop.number("kept") in {7, None}
    shop.put("after", point, 60_000)
    assert shop.number("after") == point


SOME_OR_MORE = pytest.mark.parametrize(
    "stride", [29, pytest.param(5, marks=pytest.mark.soak)]
)


@SOME_OR_MORE
@pytest.mark.parametrize("nbytes", [100, 30_000, 100_000])
def test_a_put_that_evicts(store_dir: Path, nbytes: int, stride: int) -> None:
    directory = store_dir / "store"
    crowd(directory)
    points = sweep(
        directory,
        lambda shop: shop.put("key", 2, nbytes),
        stride=stride,
        values=(2, None),
    )
    assert points > 100


def test_a_put_that_clears_a_window(store_dir: Path) -> None:
    directory = store_dir / "store"
    crowd(directory, 20_000)
    sweep(
        directory,
        lambda shop: shop.put("key", 2, 400_000),
        stride=67,
        values=(2, None),
    )


@SOME_OR_MORE
def test_a_removal(store_dir: Path, stride: int) -> None:
    def work(shop: Shop) -> None:
        shop.put("key", 2, 5000, tags=("red",), ttl_s=1000)
        shop.store.clear(shop.space, "red")

    sweep(store_dir / "store", work, stride=stride, values=(2, None))


def test_growing_and_shrinking(store_dir: Path) -> None:
    directory = store_dir / "store"
    crowd(directory)

    def work(shop: Shop) -> None:
        shop.store.resize(2 * CAPACITY)
        for number in range(3):
            shop.put(f"more{number}", number, 700_000)
        shop.store.resize(CAPACITY)

    sweep(directory, work, stride=131, values=(None,))


def test_an_index_that_grows(store_dir: Path) -> None:
    directory = store_dir / "store"
    with opened(directory, 32 << 20) as shop:
        for number in range(400):
            shop.put(f"crowd{number}", number, 90_000 + 64 * number)
    sweep(
        directory,
        lambda shop: shop.store._relief.room.grow_index(),
        stride=53,
        values=(None,),
    )


def test_opening_and_closing(store_dir: Path) -> None:
    sweep(store_dir / "store", lambda _: None, stride=11, values=())


def test_making_a_store(store_dir: Path) -> None:
    point, was_killed = 1, True
    while was_killed:
        place = store_dir / str(point)

        def make(place: Path = place) -> None:
            with opened(place) as shop:
                shop.put("key", 2, 100)

        was_killed = killed_at(point, make)
        with opened(place) as shop:
            assert shop.number("key") in {2, None}
            shop.put("key", 3, 100_000)
            assert shop.number("key") == 3
            assert shop.store.check().ok
        point += 17
