"""The capacity holds for the whole directory, seen from outside, at every instant."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from gridcache.store.clients import Clients
from gridcache.store.files import allocated_nbytes
from gridcache.store.index import Index
from gridcache.store.room import index_step
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 4 << 20
OVERHEAD = 250
"""Bytes an entry takes beyond its value, about."""
MIXES = {
    "64 B": [64],
    "1 KiB": [1 << 10],
    "100 KiB": [100 << 10],
    "mixed": [0, 64, 200, 300, 1 << 10, 5000, 20_000, 70_000, 300 << 10],
}


@contextmanager
def watched(directory: Path, capacity: int) -> Iterator[None]:
    """A second process samples the directory all the while."""
    with Child("watcher", directory) as watcher:
        watcher.hear("watching")
        yield
        watcher.tell()
        length, allocated, samples = map(int, watcher.hear().split())
    assert samples > 10
    assert length <= capacity
    assert allocated <= capacity


def puts_of(sizes: list[int], times: float) -> int:
    """How many puts overfill the store that often."""
    mean = sum(sizes) / len(sizes) + OVERHEAD
    return int(times * CAPACITY / mean)


SOAK = pytest.mark.soak


def often_enough() -> list[Any]:
    """Ten times; of small values, which are many, a few times but in `make soak`."""
    small = {"64 B": 3, "1 KiB": 4}
    fewer = [
        pytest.param(MIXES[name], times, id=f"{name}, {times} times")
        for name, times in small.items()
    ]
    return fewer + [
        pytest.param(sizes, 10, id=name, marks=SOAK if name in small else ())
        for name, sizes in MIXES.items()
    ]


@pytest.mark.parametrize(("sizes", "times"), often_enough())
def test_overfilling_many_times_stays_within(
    open_shop: Callable[..., Shop], sizes: list[int], times: int
) -> None:
    shop = open_shop(CAPACITY)
    count = puts_of(sizes, times)
    with watched(shop.store.directory, CAPACITY):
        for number in range(count):
            shop.put(f"key{number}", number, sizes[number % len(sizes)])
            if number % 100 == 0:
                old = shop.number(f"key{number // 2}")
                assert old in {None, number // 2}
    last = [n for n in range(count - 20, count) if shop.number(f"key{n}") == n]
    assert len(last) >= (15 if len(sizes) == 1 else 5)
    assert shop.store.check().ok


@pytest.mark.parametrize(
    ("mix", "times"),
    [
        ("64 B", 0.4),
        ("1 KiB", 1.0),
        ("mixed", 1.0),
        pytest.param("64 B", 1.0, marks=SOAK),
    ],
)
def test_three_processes_overfilling_stay_within(
    open_shop: Callable[..., Shop], mix: str, times: float
) -> None:
    shop = open_shop(CAPACITY)
    directory = shop.store.directory
    count = puts_of(MIXES[mix], times)
    with watched(directory, CAPACITY), ExitStack() as stack:
        fillers = [
            stack.enter_context(Child("filler", directory, seed, count, *MIXES[mix]))
            for seed in range(3)
        ]
        for filler in fillers:
            filler.hear("ready")
        for filler in fillers:
            filler.tell()
        for filler in fillers:
            filler.hear("done")
    shop.store.tidy()
    assert shop.store.check().ok


def test_many_clients_of_a_full_store_stay_within(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(100):
        shop.put(f"key{number}", number, 100_000)
    others = Clients(shop.store.directory)
    rows = [others.claim() for _ in range(40)]
    for number in range(100):
        shop.put(f"key{number}", number, 100_000)
    size = allocated_nbytes(shop.store.directory)
    for row in rows:
        others.clear_pins(row.row)
        os.close(row.lock_fd)
    others.close()
    assert size <= CAPACITY


def test_every_byte_of_every_file_has_memory_behind_it(
    open_shop: Callable[..., Shop],
) -> None:
    """A hole in a file on a full shared-memory file system is SIGBUS at first touch."""
    shop = open_shop(CAPACITY)
    for count in (0, 10, 3000):
        for number in range(count):
            shop.put(f"key{number}", number, (10, 3000)[number % 2])
        for path in shop.store.directory.rglob("*"):
            stat = path.stat()
            if path.is_file():
                assert stat.st_blocks * 512 >= stat.st_size, path.name


def test_the_index_grows_and_takes_its_share_from_the_arena(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(60):
        shop.put(f"large{number}", number, 100_000)
    assert shop.store.stats().index_nbytes == index_step(CAPACITY)
    for number in range(10_000):
        shop.put(f"small{number}", number, 100)
    stats = shop.store.stats()
    assert index_step(CAPACITY) < stats.index_nbytes <= CAPACITY // 2
    assert stats.arena_nbytes + stats.index_nbytes <= CAPACITY


def test_small_values_go_to_the_arena_when_the_index_has_its_share(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(15_000):
        shop.put(f"key{number}", number, 150)
    info = shop.store.info(shop.space, "key14999")
    assert info is not None
    assert not info.inline
    assert shop.number("key14999") == 14_999


def test_an_index_full_of_pins_can_be_emptied(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    count = 0
    refused: BaseException | None = None
    while refused is None:
        try:
            shop.put(f"key{count}", count, 10, pinned=True)
            count += 1
        except MemoryError as error:
            refused = error
    assert all(shop.number(f"key{number}") == number for number in range(count))
    assert shop.delete(*[f"key{number}" for number in range(0, count, 2)]) > 0
    shop.put("new", 7, 10)
    assert shop.number("new") == 7
    assert shop.store.change(shop.space, "key1", pinned=False)
    assert shop.store.clear(shop.space) > 0
    assert shop.keys() == []


def test_an_index_that_somebody_grew_further_keeps_its_length_in_the_books(
    open_shop: Callable[..., Shop], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_shop(32 << 20).store
    index, room = store._parts.index, store._relief.room
    before = index.nbytes
    assert room.grow_index()
    assert room.grow_index()
    late, now = iter([before]), vars(Index)["nbytes"].fget
    with monkeypatch.context() as patch:
        # As one that looked at the file before the two steps, and was slow.
        patch.setattr(
            Index, "nbytes", property(lambda self: next(late, 0) or now(self))
        )
        assert room.grow_index()
    assert store.check().ok
