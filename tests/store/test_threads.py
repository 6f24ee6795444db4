"""Threads of one process on one store."""

import random
import threading
from collections.abc import Callable
from contextlib import suppress

from gridcache.errors import OutOfSpaceError
from gridcache.store.outcome import Hit
from tests.store.kit.shop import Shop
from tests.store.kit.values import read_number

CAPACITY = 8 << 20
KEYS = 60


def in_threads(count: int, work: Callable[[int], None]) -> None:
    """Run in several threads at once; re-raises what one raised."""
    failures: list[BaseException] = []
    ready = threading.Barrier(count)

    def run(which: int) -> None:
        try:
            ready.wait()
            work(which)
        except BaseException as error:  # noqa: BLE001 - raised in the main thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for failure in failures:
        raise failure


class Visitor:
    """One thread's share of a store in use."""

    def __init__(self, shops: list[Shop], seed: int) -> None:
        self.chance = random.Random(seed)
        self.shops = shops
        self.held: list[tuple[Hit, int]] = []
        self.acts = (
            *[self.put] * 8,
            *[self.get] * 7,
            *[self.hold] * 2,
            self.delete,
            self.pin,
            self.tidy,
        )

    def visit(self, steps: int) -> None:
        for step in range(steps):
            shop, key = self.chance.choice(self.shops), self.chance.randrange(KEYS)
            self.chance.choice(self.acts)(shop, key, step)
            for hit, number in self.held:
                assert read_number(hit) == number
        self.held.clear()

    def put(self, shop: Shop, key: int, step: int) -> None:
        nbytes = self.chance.choice((0, 200, 3000, 20_000, 70_000, 250_000))
        ttl_s = self.chance.choice((None, None, 1e-9))
        with suppress(OutOfSpaceError):
            shop.put(str(key), step << 8 | key, nbytes, ttl_s=ttl_s)

    def get(self, shop: Shop, key: int, _: int) -> None:
        found = shop.number(str(key))
        assert found is None or found & 0xFF == key

    def hold(self, shop: Shop, key: int, _: int) -> None:
        found = shop.look_up(str(key))
        if isinstance(found, Hit):
            self.held = [*self.held[-2:], (found, read_number(found))]

    def delete(self, shop: Shop, key: int, _: int) -> None:
        shop.delete(str(key))

    def pin(self, shop: Shop, key: int, step: int) -> None:
        shop.store.change(shop.space, str(key), pinned=step % 3 == 0)

    def tidy(self, shop: Shop, _key: int, _step: int) -> None:
        shop.store.tidy()


def test_eight_threads_do_everything_at_once(open_shop: Callable[..., Shop]) -> None:
    """Under eviction; every byte checked, held views too."""
    shop = open_shop(CAPACITY)
    small = open_shop(CAPACITY, name="small", quota_nbytes=1 << 20)
    in_threads(8, lambda which: Visitor([shop, shop, small], which).visit(700))
    assert shop.store.check().ok
    assert shop.store.stats().retired_nbytes == 0


def test_one_key_written_by_all_is_always_somebodys(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)

    def work(which: int) -> None:
        for step in range(300):
            shop.put("key", which << 16 | step, (which * 9000 + step) % 90_000)
            found = shop.number("key")
            assert found is not None
            assert found >> 16 < 6

    in_threads(6, work)
    assert shop.keys() == ["key"]


def test_a_view_collected_inside_a_write_of_its_thread(
    open_shop: Callable[..., Shop],
) -> None:
    """A finaliser that opened a transaction or took a lock would fail or hang."""
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 300_000)
    held = [shop.hit("key")]
    shop.delete("key")

    def collect(_: object) -> None:
        held.clear()

    shop.store._parts.index.transact(collect)
    shop.store._parts.index.snapshot(lambda _: None)
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 0


def test_a_view_collected_in_another_thread(open_shop: Callable[..., Shop]) -> None:
    shop = open_shop(CAPACITY)
    shop.put("key", 1, 300_000)
    held = [shop.hit("key") for _ in range(8)]
    shop.delete("key")
    in_threads(8, lambda _: held.clear())
    shop.store.tidy()
    assert shop.store.stats().retired_nbytes == 0
    assert shop.store._parts.row.pins_held == 0


def test_an_aborted_plan_of_one_thread_spares_anothers_reservation(
    open_shop: Callable[..., Shop],
) -> None:
    """What a thread noted in a transaction that failed is not its own."""
    shop = open_shop(CAPACITY)
    claims = shop.store._parts.claims
    index = shop.store._parts.index
    writing, go_on = threading.Event(), threading.Event()
    arena = shop.store._parts.arena
    write = arena.write_one

    def slowly(offset: int, data: bytes | memoryview) -> None:
        if threading.current_thread().name == "slow":
            writing.set()
            assert go_on.wait(30)
        write(offset, data)

    arena.write_one = slowly  # type: ignore[method-assign]

    def fail(txn) -> None:  # type: ignore[no-untyped-def]
        claims.record(txn, 0, 1_000_000)
        raise KeyError

    with suppress(KeyError):
        index.transact(fail)
    slow = threading.Thread(
        target=lambda: shop.put("slow", 1, 999_000), name="slow", daemon=True
    )
    slow.start()
    assert writing.wait(30)
    for number in range(100):
        shop.put(f"key{number}", number, 200_000)
    go_on.set()
    slow.join()
    arena.write_one = write  # type: ignore[method-assign]
    assert shop.number("slow") == 1


def test_a_small_value_of_many_writers_is_never_torn(
    open_shop: Callable[..., Shop],
) -> None:
    shop = open_shop(CAPACITY)

    def work(which: int) -> None:
        for step in range(600):
            if which % 2:
                shop.put(f"k{step % 7}", step % 7, 40 * which)
            else:
                found = shop.number(f"k{step % 7}")
                assert found in {None, step % 7}

    in_threads(6, work)
