"""Which entries go, and which never do."""

import random
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.outcome import MissReason
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

CAPACITY = 16 << 20


def test_namespaces_that_never_evict_keep_everything(
    open_shop: Callable[..., Shop],
) -> None:
    """Small entries between those of others, which are overfilled many times."""
    shop = open_shop(CAPACITY)
    kept = open_shop(name="kept", policy="none")
    for number in range(300):
        kept.put(f"key{number}", number, 1024)
        shop.put(f"key{number}", number, 20_000)
    for number in range(3000):
        shop.put(f"more{number}", number, 20_000 + number * 37 % 5000)
    for number in range(30):
        shop.put(f"large{number}", number, 1 << 20)
    for number in range(10_000):
        shop.put(f"tiny{number}", number, 50)
    assert [kept.number(f"key{number}") for number in range(300)] == [*range(300)]


def test_pins_scattered_everywhere_stay_and_a_large_value_is_answered_in_time(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(3000):
        nbytes = 10_240 if number % 2 else 1024
        shop.put(f"key{number}", number, nbytes, pinned=number % 10 == 0)
    start = time.monotonic()
    with suppress(OutOfSpaceError):  # the pins may stand in the way
        shop.put("large", 1, 3 << 20)
    assert time.monotonic() - start < 10
    pins = range(0, 3000, 10)
    assert [shop.number(f"key{number}") for number in pins] == [*pins]


def test_a_large_value_finds_room_between_two_namespaces(
    open_shop: Callable[..., Shop],
) -> None:
    one = open_shop(CAPACITY)
    other = open_shop(name="other")
    for number in range(1000):
        one.put(f"key{number}", number, 10_240)
        other.put(f"key{number}", number, 10_240)
    one.put("large", 1, 5 << 20)
    assert one.number("large") == 1
    other.put("large", 2, 5 << 20)
    assert other.number("large") == 2


def test_a_large_value_finds_room_among_thousands_of_small_ones(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY // 2)
    for number in range(7500):
        shop.put(f"key{number}", number, 1024)
    for turn in range(3):
        shop.put(f"large{turn}", turn, 4 << 20)
        assert shop.number(f"large{turn}") == turn


def test_a_namespace_within_its_quota_is_spared(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    small = open_shop(name="small", quota_nbytes=1 << 20)
    for number in range(90):
        small.put(f"key{number}", number, 10_000)
    for number in range(2000):
        shop.put(f"key{number}", number, 20_000)
    assert [small.number(f"key{number}") for number in range(90)] == [*range(90)]


def test_who_is_most_over_its_share_gives(open_shop: Callable[..., Shop]) -> None:
    greedy = open_shop(CAPACITY)
    modest = open_shop(name="modest")
    for number in range(50):
        modest.put(f"key{number}", number, 20_000)
    for number in range(2000):
        greedy.put(f"key{number}", number, 20_000)
    assert [modest.number(f"key{number}") for number in range(50)] == [*range(50)]


def test_a_quota_evicts_its_own_coldest(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 1 << 20)
    small = open_shop(name="small", quota_nbytes=100_000)
    for number in range(50):
        small.put(f"key{number}", number, 10_000)
    assert small.miss("key0").reason is MissReason.EVICTED
    assert [small.number(f"key{number}") for number in range(42, 50)] == [
        *range(42, 50)
    ]
    assert small.store.stats().namespace("small").evictions == {"quota": 41}
    assert shop.number("key") == 1


def test_overwriting_in_a_full_quota_counts_the_old_value_as_gone(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY, name="small", quota_nbytes=100 * 640)
    shop.put("a", 1, 80 * 640, pinned=True)
    shop.put("b", 2, 19 * 640)
    shop.put("a", 3, 81 * 640, pinned=True)
    assert (shop.number("a"), shop.number("b")) == (3, 2)
    shop.put("a", 4, 99 * 640, pinned=True)
    assert (shop.number("a"), shop.number("b")) == (4, None)


@pytest.mark.parametrize("nbytes", [100, 70_000])
def test_a_put_that_a_quota_can_never_hold_evicts_nothing(
    open_shop: Callable[..., Shop], nbytes: int
) -> None:
    shop = open_shop(CAPACITY, name="small", quota_nbytes=nbytes)
    shop.put("a", 1, nbytes // 4)
    shop.put("b", 2, nbytes // 4, pinned=True)
    with pytest.raises((OutOfSpaceError, ValueTooLargeError)):
        shop.put("c", 3, nbytes + 64)
    with pytest.raises(OutOfSpaceError, match="pinned"):
        shop.put("c", 3, nbytes * 7 // 8)
    assert (shop.number("a"), shop.number("b")) == (1, 2)


def test_what_a_refused_put_touched_can_still_be_evicted(
    open_shop: Callable[..., Shop],
) -> None:
    """A pinned put refused in its commit must not leave the old value held."""
    shop = open_shop(CAPACITY, name="small", quota_nbytes=100_000)
    shop.put("pin", 1, 50_000, pinned=True)
    shop.put("a", 2, 40_000)
    with pytest.raises(OutOfSpaceError):
        shop.put("a", 3, 60_000, pinned=True)
    shop.put("b", 4, 40_000)
    assert shop.number("b") == 4


def test_an_evictor_killed_after_its_commit_blocks_nobody(
    open_shop: Callable[..., Shop],
) -> None:
    """Its access records still name entries that are gone: the coldest of all."""
    shop = open_shop(CAPACITY, name="small", quota_nbytes=100_000)
    for number in range(90):
        shop.put(f"key{number}", number, 1000)
    for _ in range(4):
        with Child("evictor", shop.store.directory) as child:
            assert child.wait() == -9
        shop.store.tidy()
    for number in range(90, 200):
        shop.put(f"key{number}", number, 1000)
    assert shop.number("key199") == 199


@pytest.mark.parametrize("policy", ["lru", pytest.param("lfu", marks=pytest.mark.soak)])
def test_a_mix_of_sizes_uses_nine_tenths_of_the_arena(
    open_shop: Callable[..., Shop], policy: str
) -> None:
    shop = open_shop(64 << 20, name="mixed", policy=policy)
    chance = random.Random(5)
    shares = []
    for number in range(6000):
        nbytes = int(64 * 2 ** chance.uniform(0, 14))
        shop.put(f"key{number}", number, nbytes)
        shop.look_up(f"key{chance.randrange(number + 1)}", view=False)
        if number > 3000 and number % 250 == 0:
            live = sum(extent.nbytes for extent in shop.store.extents())
            shares.append(live / shop.store.stats().arena_nbytes)
    assert shop.store.stats().namespace("mixed").evictions["space"] > 500
    assert sum(shares) / len(shares) >= 0.9


def test_freed_extents_are_used_before_new_ones(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)
    for number in range(100):
        shop.put("key", number, 100_000)
    stats = shop.store.stats()
    assert stats.reused_nbytes > 40 * 100_000
    assert stats.fresh_nbytes < 40 * 100_000
