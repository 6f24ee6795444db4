"""An exception at any step leaves nothing behind: the next call puts it right."""

import random
import time
from collections.abc import Callable

import pytest

from gridcache.store.outcome import Hit
from tests.store.kit.interrupts import interrupted_after, interrupted_at
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number

CAPACITY = 4 << 20
# Interrupted between a directory's opening and its `with`: collected, with a word.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed scandir:ResourceWarning")


def crowd(shop: Shop) -> None:
    """Fill the store so that every put must evict."""
    for number in range(60):
        shop.put(f"crowd{number}", number, 90_000 + 64 * number)


def reservations(shop: Shop) -> int:
    def count(txn):  # type: ignore[no-untyped-def]
        return txn.txn.stat(txn.tables.reserved)["entries"]

    return int(shop.store._parts.index.snapshot(count))


def assert_sound(shop: Shop) -> None:
    """Nothing is left over after one more call."""
    shop.put("after", 77, 70_000)
    assert shop.number("after") == 77
    assert reservations(shop) == 0
    report = shop.store.check()
    assert report.ok, report.problems


def sweep(shop: Shop, work: Callable[[int], object], *, stride: int = 1) -> int:
    """Interrupt at every point; returns how many points the work has.

    `work` gets a new number each time and puts it under `key`, which has an
    older one.
    """
    number, point = 1, 1
    shop.put("key", number, 5000)
    while True:
        before, number = number, number + 1
        was_interrupted = interrupted_at(point, lambda n=number: work(n))  # type: ignore[misc]
        found = shop.look_up("key", view=False)
        seen = read_number(found) if isinstance(found, Hit) else None
        assert seen in {before, number, None}, point
        assert_sound(shop)
        if not was_interrupted:
            return point
        shop.put("key", number, 5000)
        point += stride


@pytest.mark.parametrize("nbytes", [100, 5000, 100_000])
def test_a_put(open_shop: Callable[..., Shop], nbytes: int) -> None:
    shop = open_shop(CAPACITY)
    assert sweep(shop, lambda number: shop.put("key", number, nbytes)) > 30


@pytest.mark.parametrize("nbytes", [100, 40_000, 100_000, 400_000])
def test_a_put_that_evicts(open_shop: Callable[..., Shop], nbytes: int) -> None:
    shop = open_shop(CAPACITY)
    crowd(shop)
    shop.put("key", 0, 5000, pinned=True)
    stride = 1 if nbytes < 400_000 else 7
    work = lambda number: shop.put("key", number, nbytes)  # noqa: E731
    assert sweep(shop, work, stride=stride) > 30


def test_a_put_over_the_quota(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY, name="small", quota_nbytes=300_000)
    for number in range(60):
        shop.put(f"crowd{number}", number, 20_000)
    assert sweep(shop, lambda number: shop.put("key", number, 100_000)) > 30


def test_growing_the_index_at_the_arenas_cost(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(32 << 20)
    for number in range(400):
        shop.put(f"crowd{number}", number, 90_000 + 64 * number)

    def work(number: int) -> None:
        shop.store._relief.room.grow_index()
        shop.put("key", number, 5000)

    assert sweep(shop, work, stride=53) > 30


def test_a_get(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    shop.put("view", 5, 100_000)

    def work(number: int) -> None:
        shop.look_up("view")
        shop.look_up("view", view=False)
        shop.put("key", number, 5000)

    assert sweep(shop, work) > 30
    assert shop.number("view") == 5
    assert shop.store._parts.row.pins_held == 0
    assert shop.store._leases.nbytes == 0


@pytest.mark.parametrize("nbytes", [100, 5000, 100_000])
def test_a_removal_and_a_change(open_shop: Callable[..., Shop], nbytes: int) -> None:
    shop = open_shop(CAPACITY)

    def work(number: int) -> None:
        shop.put("key", number, nbytes, tags=("t",))
        shop.store.change(shop.space, "key", pinned=True)
        shop.delete("key")
        shop.put("key", number, nbytes, tags=("t",), ttl_s=1000)
        shop.store.clear(shop.space, "t")

    assert sweep(shop, work, stride=3) > 30


def test_housekeeping(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)

    def work(number: int) -> None:
        shop.put("expired", number, 5000, ttl_s=1e-9)
        shop.store.tidy()
        shop.store.stats()
        shop.put("key", number, 5000)

    assert sweep(shop, work, stride=3) > 30


def test_resizing(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    crowd(shop)

    def work(number: int) -> None:
        shop.store.resize(2 * CAPACITY)
        shop.put("key", number, 100_000)
        shop.store.resize(CAPACITY)

    assert sweep(shop, work, stride=17) > 30


# In a finaliser Python swallows what the handler raises, and says so. A signal
# between its bytecodes can then cost one lease until the process ends: safe, but
# seldom, so it is looked for at length and not in every run.
@pytest.mark.soak
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("nbytes", [100, 40_000, 100_000, 700_000])
def test_real_signals_at_any_time(open_shop: Callable[..., Shop], nbytes: int) -> None:
    shop = open_shop(CAPACITY)
    crowd(shop)
    chance = random.Random(nbytes)
    for number in range(1, 300):
        shop.put("key", 0, 1000)
        start = time.perf_counter()
        shop.put("other", number, nbytes)
        taken_s = time.perf_counter() - start
        delay_s = max(chance.uniform(0, 1.2) * taken_s, 1e-6)
        interrupted_after(delay_s, lambda n=number: shop.put("key", n, nbytes))  # type: ignore[misc]
        assert shop.number("key") in {0, number, None}
        assert_sound(shop)
