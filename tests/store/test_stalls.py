"""Processes that stand (SIGSTOP) or die (SIGKILL) at the worst places."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gridcache.errors import OutOfSpaceError, StoreStalledError
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import Hit
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number

CAPACITY = 8 << 20
STALL_S = 0.5


@pytest.fixture
def shop(open_shop: Callable[..., Shop]) -> Shop:
    made = open_shop(CAPACITY, stall_timeout_s=STALL_S)
    made.put("held", 1, 300_000)
    return made


def overfill(shop: Shop, nbytes: int = 100_000) -> None:
    for number in range(2 * CAPACITY // nbytes):
        shop.put(f"key{number}", number, nbytes)


def reserved_nbytes(shop: Shop) -> int:
    """What neither an entry has nor is free: reservations and retired extents."""
    stats = shop.store.stats()
    live = sum(extent.nbytes for extent in shop.store.extents())
    return stats.arena_nbytes - stats.free_nbytes - live


# -- stopped --------------------------------------------------------------------


def test_inside_a_write_writers_are_told_who_and_readers_go_on(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "inside") as child:
        child.hear("inside")
        child.stop()
        start = time.monotonic()
        with pytest.raises(StoreStalledError) as caught:
            shop.put("key", 2, 1000)
        assert STALL_S <= time.monotonic() - start < STALL_S + 2
        assert caught.value.context["pid"] == child.pid
        assert str(child.pid) in str(caught.value)
        assert shop.number("held") == 1
        shop.miss("key")
        with pytest.raises(StoreStalledError):
            shop.delete("held")
        child.go_on()
        child.tell()
        child.hear("outside")
        shop.put("key", 2, 1000)
        assert shop.number("key") == 2


def test_inside_a_write_every_thread_is_told_the_same_process(shop: Shop) -> None:
    told: list[int] = []

    def put(number: int) -> None:
        try:
            shop.put(f"key{number}", number, 100_000)
        except StoreStalledError as error:
            told.append(error.context["pid"])

    with Child("writer", shop.store.directory, "inside") as child:
        child.hear("inside")
        child.stop()
        threads = [threading.Thread(target=put, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert told == [child.pid] * 4
        child.kill()
    shop.put("key", 2, 100_000)
    assert shop.number("key") == 2


def test_inside_a_write_opening_is_refused_or_works_in_time(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "inside") as stopped:
        stopped.hear("inside")
        stopped.stop()
        with Child("opener", shop.store.directory, STALL_S) as opener:
            assert opener.hear() in {"opened", "stalled"}
        stopped.kill()
        with Child("opener", shop.store.directory, STALL_S) as opener:
            opener.hear("opened")


def test_inside_a_write_closing_does_not_wait(shop: Shop) -> None:
    again = open_store(shop.store.directory)
    assert again is shop.store
    close_store(again)
    with Child("writer", shop.store.directory, "inside") as child:
        child.hear("inside")
        child.stop()
        with Child("opener", shop.store.directory, STALL_S) as opener:
            opener.hear()
            opener.tell()
            opener.hear("closed")


def test_inside_a_write_killed_the_next_writer_goes_on(shop: Shop) -> None:
    for _ in range(3):
        with Child("writer", shop.store.directory, "inside") as child:
            child.hear("inside")
            child.kill()
        shop.put("key", 2, 100_000)
        assert shop.number("key") == 2


def test_inside_a_read_writers_go_on_or_are_told_who(shop: Shop) -> None:
    """It keeps old pages: in the end the index is full."""
    with Child("writer", shop.store.directory, "reading") as child:
        child.hear("reading")
        child.stop()
        written, told = put_many(shop, 20_000)
        assert written > 10
        assert told in {child.pid, None}
        assert shop.number("held") in {1, None}
        child.go_on()
        child.tell()
        child.hear("outside")
        for number in range(2000):
            shop.put(f"key{number % 500}", number, 100)
        assert shop.number("key499") == 1999


def put_many(shop: Shop, count: int) -> tuple[int, int | None]:
    """Overwrite a few keys again and again; how often it worked, who stood."""
    for number in range(count):
        try:
            shop.put(f"key{number % 500}", number, 100)
        except StoreStalledError as error:
            return number, error.context["pid"]
    return count, None


def test_with_a_lease_the_extent_waits_and_nothing_else_does(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "leased") as child:
        child.hear("leased")
        child.stop()
        assert shop.delete("held") == 1
        overfill(shop)
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes >= 300_000
        child.go_on()
        child.tell()
        child.hear("1")
        child.hear("dropped")
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes == 0


def test_with_a_reservation_nothing_waits_and_its_put_arrives(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "reserved") as child:
        child.hear("reserved")
        child.stop()
        overfill(shop)
        shop.store.tidy()
        assert reserved_nbytes(shop) >= 1_000_000
        assert shop.store.check().ok
        child.go_on()
        child.tell()
        child.hear("committed")
        assert shop.number("reserved") == 5


def test_explain_names_who_leases(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "leased") as child:
        child.hear("leased")
        told = shop.store.inspector.explain(shop.space, "held")
        assert [lessee.pid for lessee in told.lessees] == [child.pid]
        assert "writer" in told.lessees[0].command


# -- killed ---------------------------------------------------------------------


def test_killed_between_reserve_and_commit_leaves_nothing(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "reserved") as child:
        child.hear("reserved")
        assert reserved_nbytes(shop) >= 1_000_000
        child.kill()
    shop.store.tidy()
    assert reserved_nbytes(shop) == 0
    shop.miss("reserved")
    assert shop.store.check().ok


def test_killed_with_a_lease_its_extent_is_free_again(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "leased") as child:
        child.hear("leased")
        shop.delete("held")
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes >= 300_000
        child.kill()
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 0


def test_killed_inside_a_read_its_pages_are_free_again(shop: Shop) -> None:
    with Child("writer", shop.store.directory, "reading") as child:
        child.hear("reading")
        child.kill()
    for number in range(8000):
        shop.put(f"key{number % 500}", number, 100)
    assert shop.number("key499") == 7999


def test_a_writer_that_needs_room_reaps_the_dead_itself(shop: Shop) -> None:
    """No housekeeping in between: the reservation is most of the store."""
    with Child("writer", shop.store.directory, "reserved", 6_000_000) as child:
        child.hear("reserved")
        child.kill()
    shop.put("large", 3, 5_000_000)
    assert shop.number("large") == 3


def test_the_next_opener_reaps_what_the_last_process_left(store_dir: Path) -> None:
    close_store(open_store(store_dir / "store", capacity_nbytes=CAPACITY))
    with Child("writer", store_dir / "store", "reserved") as child:
        child.hear("reserved")
        child.kill()
    store = open_store(store_dir / "store")
    store.tidy()
    stats = store.stats()
    report = store.check()
    close_store(store)
    assert stats.free_nbytes == stats.arena_nbytes
    assert report.ok, report.problems


# -- leases that block ------------------------------------------------------------


def test_eviction_stops_when_leases_block_and_says_so(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    overfill(shop, 200_000)
    keys = shop.keys()
    with Child("holder", shop.store.directory) as child:
        child.hear("holds")
        held = [shop.look_up(key) for key in keys[::4]]
        with pytest.raises(OutOfSpaceError, match="viewed") as caught:
            shop.put("large", 1, 5_000_000)
        assert caught.value.context["leased"] > 0
        still = [key for key in keys if shop.number(key) is not None]
        assert len(still) > len(keys) // 2
        shop.put("small", 2, 190_000)
        assert all(read_number(hit) >= 0 for hit in held if isinstance(hit, Hit))
        del held
        child.tell()
        child.hear("dropped")
        shop.put("large", 1, 5_000_000)
        assert shop.number("large") == 1


def test_leases_over_the_cap_are_private_copies_and_counted(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(30):
        shop.put(f"key{number}", number, 200_000)
    held = [shop.hit(f"key{number}") for number in range(30)]
    copies = [hit for hit in held if not hit.leased]
    assert 0 < len(copies) < 30
    leased = sum(len(hit.body) for hit in held if hit.leased)
    assert leased <= CAPACITY // 2
    assert [read_number(hit) for hit in held] == [*range(30)]
    stats = shop.store.stats().namespace("default")
    assert stats.private_copies == len(copies)
