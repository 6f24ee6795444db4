"""What every store promises, run for each kind of store there is."""

import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import pytest

from gridcache.codec import Frames
from gridcache.errors import OutOfSpaceError, ValueTooLargeError
from gridcache.store.namespaces import Namespace
from gridcache.store.opening import close_store, open_store
from gridcache.store.outcome import MissReason
from gridcache.store.records import Entry
from tests.store.kit.shop import Shop
from tests.store.kit.values import HEADER, read_body, read_number

CAPACITY = 16 << 20
SIZES = [0, 1, 63, 64, 65, 256 - HEADER, 257 - HEADER, 4096, 16384, 65536, 65537]
SIZES += [300 << 10, 5 << 20]


class StoreContract:
    """Promises of a store towards one caller.

    A subclass gives the fixture `shop`: a namespace called `default` with
    policy `lru`, empty, in a store that holds at least 16 MiB.
    """

    def test_a_get_returns_what_was_put(self, shop: Shop) -> None:
        for number, nbytes in enumerate(SIZES):
            shop.put(f"key{number}", number, nbytes)
        for number, view in product(range(len(SIZES)), (True, False)):
            hit = shop.hit(f"key{number}", view=view)
            assert read_number(hit) == number
            # A large copy is the caller's own.
            assert hit.body.readonly or not (view or hit.leased)

    @pytest.mark.parametrize("nbytes", [0, 1, 100, 20_000])
    def test_headers_of_any_length_come_back(self, shop: Shop, nbytes: int) -> None:
        lengths = [255, 256, 257, 300, 301, 512, 513, 514, 5000]
        for length in lengths:
            shop.put(f"key{length}", length, nbytes, header_nbytes=length)
        shop.put("other", 9, 5000)
        for length in lengths:
            hit = shop.hit(f"key{length}")
            assert (read_number(hit), len(hit.header)) == (length, length)

    def test_several_buffers_lie_end_to_end_each_aligned(self, shop: Shop) -> None:
        pieces = (memoryview(b"a" * 70), memoryview(b""), memoryview(b"b" * 1000))
        value = Frames(b"header", pieces)
        shop.put_frames("key", value)
        body = bytes(shop.hit("key").body)
        assert body == b"a" * 70 + bytes(58) + b"b" * 1000

    def test_thousands_of_buffers_are_one_body(self, shop: Shop) -> None:
        pieces = tuple(memoryview(bytes([n % 251]) * 65) for n in range(3000))
        value = Frames(b"many", pieces)
        shop.put_frames("key", value)
        body = shop.hit("key").body
        assert all(
            bytes(body[n * 128 : n * 128 + 65]) == pieces[n] for n in range(3000)
        )

    def test_a_key_never_stored_is_a_miss_that_says_so(self, shop: Shop) -> None:
        assert shop.miss("key").reason is MissReason.NEVER_STORED

    def test_the_last_put_counts(self, shop: Shop) -> None:
        sizes = (0, 100, 5000, 100_000)
        for number, (old, new) in enumerate(product(sizes, sizes)):
            first = shop.put("key", number, old)
            second = shop.put("key", number + 100, new)
            assert first is not None
            assert second is not None
            assert second > first
            hit = shop.hit("key")
            assert read_number(hit) == number + 100
            assert hit.generation == second
            assert shop.keys() == ["key"]

    def test_a_deleted_key_is_gone_and_says_so(self, shop: Shop) -> None:
        for nbytes in (10, 5000, 100_000):
            shop.put("key", 1, nbytes)
            assert shop.delete("key", "other") == 1
            assert shop.miss("key").reason is MissReason.DELETED
            assert shop.delete("key") == 0

    def test_many_are_found_as_each_is_alone(self, shop: Shop) -> None:
        names = [f"key{number}" for number in range(2500)]
        for number, name in enumerate(names[::2]):
            shop.put(name, number, 10 if number % 50 else 5000)
        long = "k" * 500
        shop.put(long, 1, 10)
        shop.delete(names[0])
        shop.put("brief", 2, 10, ttl_s=1e-6)
        asked = [*names, "brief", long, "k" * 501, names[2]]
        found = shop.store.find_many(shop.space, asked)
        alone = [shop.store.find(shop.space, name) for name in asked]
        assert found == [one if isinstance(one, Entry) else None for one in alone]
        there = [n for n, entry in zip(asked, found, strict=True) if entry is not None]
        assert there == [*names[2::2], long, names[2]]
        assert shop.store.find_many(shop.space, []) == []

    def test_deleting_many_counts_those_that_were_there(self, shop: Shop) -> None:
        for number in range(600):
            shop.put(f"key{number}", number, 10)
        assert shop.delete(*[f"key{number}" for number in range(0, 1000, 2)]) == 300
        assert len(shop.keys()) == 300

    def test_an_expired_key_is_a_miss_that_says_so(self, shop: Shop) -> None:
        for nbytes in (10, 5000):
            shop.put("key", 1, nbytes, ttl_s=1e-9)
            assert shop.miss("key").reason is MissReason.EXPIRED
            assert shop.keys() == []
            assert shop.delete("key") == 0
            assert shop.store.info(shop.space, "key") is None

    def test_a_time_to_live_can_be_renewed_or_ended(self, shop: Shop) -> None:
        shop.put("key", 1, 10, ttl_s=1000)
        info = shop.store.info(shop.space, "key")
        assert info is not None
        assert info.expires is not None
        assert 990 < info.expires - time.time() <= 1000
        assert shop.store.change(shop.space, "key", forever=True)
        info = shop.store.info(shop.space, "key")
        assert info is not None
        assert info.expires is None
        assert shop.store.change(shop.space, "key", ttl_s=1e-9)
        assert shop.miss("key").reason is MissReason.EXPIRED
        assert not shop.store.change(shop.space, "key", forever=True)

    def test_tidying_removes_what_expired(self, shop: Shop) -> None:
        for number in range(20):
            shop.put(f"key{number}", number, 5000, ttl_s=1e-9)
        shop.store.tidy()
        assert shop.store.stats().namespace("default").entries == 0
        assert shop.miss("key7").reason is MissReason.EXPIRED

    def test_a_tag_deletes_its_group_alone(self, shop: Shop) -> None:
        shop.put("a", 1, 10, tags=("red", "blue"))
        shop.put("b", 2, 5000, tags=("red",))
        shop.put("c", 3, 5000, tags=("blue",))
        assert shop.store.clear(shop.space, "red") == 2
        assert shop.keys() == ["c"]
        assert shop.store.clear(shop.space, "red") == 0
        shop.put("c", 3, 5000)
        assert shop.store.clear(shop.space, "blue") == 0

    def test_clear_empties_one_namespace(self, shop: Shop) -> None:
        other = Shop(shop.store, shop.store.namespace(Namespace("other")))
        for number in range(700):
            shop.put(f"key{number}", number, 300)
        other.put("key", 5, 300)
        assert shop.store.clear(shop.space) == 700
        assert shop.keys() == []
        assert other.number("key") == 5

    def test_namespaces_do_not_see_each_other(self, shop: Shop) -> None:
        other = Shop(shop.store, shop.store.namespace(Namespace("other")))
        shop.put("key", 1, 100)
        assert other.miss("key").reason is MissReason.NEVER_STORED
        other.put("key", 2, 5000)
        assert (shop.number("key"), other.number("key")) == (1, 2)

    def test_a_namespace_keeps_its_first_settings(self, shop: Shop) -> None:
        again = shop.store.namespace(Namespace("default", policy="lfu"))
        assert again == shop.space

    def test_keys_are_listed_by_prefix_in_order(self, shop: Shop) -> None:
        wanted = [f"a/{number:04}" for number in range(600)]
        for key in [*wanted, "b/1", "a"]:
            shop.put(key, 1, 0)
        assert list(shop.store.keys(shop.space, "a/")) == wanted
        assert list(shop.store.keys(shop.space, "c")) == []

    @pytest.mark.parametrize("nbytes", [399, 400, 401, 1000, 70_000])
    def test_long_keys_of_one_head_are_two_keys(self, shop: Shop, nbytes: int) -> None:
        one, other = "k" * nbytes + "1", "k" * nbytes + "2"
        shop.put(one, 1, 10)
        shop.put(other, 2, 5000)
        assert (shop.number(one), shop.number(other)) == (1, 2)
        assert set(shop.keys()) == {one, other}
        assert shop.delete(one) == 1
        assert (shop.number(one), shop.number(other)) == (None, 2)

    def test_any_text_is_a_key(self, shop: Shop) -> None:
        texts = ["", "\0", "é" * 300, "\ud800", "\x7f\n", "🙂"]
        for number, text in enumerate(texts):
            shop.put(text, number, 10)
        assert [shop.number(text) for text in texts] == [*range(len(texts))]
        assert sorted(shop.keys()) == sorted(texts)

    def test_generations_only_grow(self, shop: Shop) -> None:
        seen = [shop.put(f"key{n % 3}", n, n * 1000) for n in range(50)]
        numbers = [number for number in seen if number is not None]
        assert len(numbers) == 50
        assert numbers == sorted(set(numbers))

    def test_a_fence_that_says_no_drops_the_put(self, shop: Shop) -> None:
        for nbytes in (10, 5000, 100_000):
            shop.put("key", 1, nbytes)
            assert shop.put("key", 2, nbytes, fence=lambda _: False) is None
            assert shop.number("key") == 1
            assert shop.put("key", 3, nbytes, fence=lambda _: True) is not None
            assert shop.number("key") == 3

    def test_info_says_how_it_is_stored(self, shop: Shop) -> None:
        shop.put("key", 1, 5000, cost_s=1.5, pinned=True, tags=("t",))
        info = shop.store.info(shop.space, "key")
        assert info is not None
        assert (info.raw_nbytes, info.cost_s, info.pinned) == (5000, 1.5, True)
        assert (info.tags, info.inline, info.compressed) == (("t",), False, False)
        assert info.stored_nbytes >= 5000
        assert info.namespace == "default"

    def test_the_books_follow_every_change(self, shop: Shop) -> None:
        shop.put("a", 1, 10)
        shop.put("b", 2, 5000, pinned=True)
        shop.store.change(shop.space, "a", pinned=True)
        shop.store.change(shop.space, "b", pinned=False)
        shop.put("b", 3, 100_000)
        stats = shop.store.stats().namespace("default")
        assert (stats.entries, stats.raw_nbytes) == (2, 100_010)
        assert 0 < stats.pinned_nbytes <= 256
        shop.delete("a", "b")
        stats = shop.store.stats().namespace("default")
        assert (stats.entries, stats.raw_nbytes) == (0, 0)
        assert (stats.stored_nbytes, stats.pinned_nbytes) == (0, 0)

    def test_compressed_values_count_both_sizes(self, shop: Shop) -> None:
        for nbytes in (10, 5000):
            value = Frames(b"z", (memoryview(bytes(nbytes)),), raw_nbytes=99_999)
            shop.put_frames(f"key{nbytes}", value)
            info = shop.store.info(shop.space, f"key{nbytes}")
            assert info is not None
            assert info.raw_nbytes == 99_999
            assert info.compressed
        assert shop.store.stats().namespace("default").raw_nbytes == 2 * 99_999
        assert shop.store.check().ok
        assert shop.delete("key10", "key5000") == 2
        assert shop.store.stats().namespace("default").raw_nbytes == 0

    def test_hits_and_misses_are_counted(self, shop: Shop) -> None:
        shop.put("key", 1, 10, cost_s=2.0)
        for key in ("key", "key", "absent"):
            shop.look_up(key)
        stats = shop.store.stats().namespace("default")
        assert (stats.hits, stats.misses) == (2, {"never_stored": 1})
        assert stats.puts == 1
        assert stats.saved_s == 4.0

    @pytest.mark.parametrize("nbytes", [16 << 10, 300 << 10])
    def test_a_held_view_never_changes(self, shop: Shop, nbytes: int) -> None:
        shop.put("key", 1, nbytes)
        hit = shop.hit("key")
        assert hit.leased
        before = read_body(hit)
        shop.put("key", 2, nbytes)
        shop.delete("key")
        for number in range(2 * CAPACITY // nbytes):
            shop.put(f"other{number}", number, nbytes)
        assert read_body(hit) == before

    def test_an_ended_view_gives_its_memory_back(self, shop: Shop) -> None:
        shop.put("key", 1, 1 << 20)
        hit = shop.hit("key")
        shop.delete("key")
        assert shop.store.check().ok
        assert shop.store.stats().retired_nbytes >= 1 << 20
        del hit
        shop.store.tidy()
        assert shop.store.stats().retired_nbytes == 0

    def test_a_value_larger_than_the_store_is_refused_and_nothing_lost(
        self, shop: Shop
    ) -> None:
        capacity = shop.store.capacity_nbytes
        for number in range(5):
            shop.put(f"key{number}", number, 200_000)
        for nbytes in (capacity, capacity + 1):
            with pytest.raises(ValueTooLargeError) as caught:
                shop.put("key1", 9, nbytes)
            assert caught.value.context["nbytes"] >= nbytes
        assert [shop.number(f"key{number}") for number in range(5)] == [*range(5)]

    def test_the_largest_value_fits_whatever_was_there(self, shop: Shop) -> None:
        with pytest.raises(ValueTooLargeError) as caught:
            shop.put("big", 1, shop.store.capacity_nbytes)
        for number in range(100):
            shop.put(f"key{number}", number, 50_000 + number * 640)
        shop.put("big", 1, caught.value.context["limit"] - 4096)
        assert shop.number("big") == 1

    def test_eviction_makes_room_and_says_so(self, shop: Shop) -> None:
        count = 3 * shop.store.capacity_nbytes // 100_000
        for number in range(count):
            shop.put(f"key{number}", number, 100_000)
        miss = shop.miss("key0")
        assert miss.reason is MissReason.EVICTED
        assert miss.need_nbytes >= 100_000
        assert shop.number(f"key{count - 1}") == count - 1
        assert shop.store.stats().namespace("default").evictions["space"] > 0

    def test_pins_stay_and_when_all_is_pinned_a_put_says_so(self, shop: Shop) -> None:
        pinned, full = fill_with_pins(shop)
        with pytest.raises(OutOfSpaceError, match="pinned") as caught:
            raise full
        assert caught.value.context["pinned"] >= pinned * 200_000
        assert [shop.number(f"pin{n}") for n in range(pinned)] == [*range(pinned)]
        assert shop.miss(f"pin{pinned}").reason is MissReason.NEVER_STORED
        shop.store.change(shop.space, "pin3", pinned=False)
        shop.put("new", 7, 200_000)
        assert shop.number("new") == 7
        assert shop.number("pin3") is None

    def test_a_refused_put_keeps_the_old_value(self, shop: Shop) -> None:
        fill_with_pins(shop)
        with pytest.raises(OutOfSpaceError):
            shop.put("pin1", 99, 5 << 20)
        assert shop.number("pin1") == 1


def fill_with_pins(shop: Shop) -> tuple[int, OutOfSpaceError]:
    """Pin 200 kB values until a put is refused; returns how many went in."""
    for number in range(1000):
        try:
            shop.put(f"pin{number}", number, 200_000, pinned=True)
        except OutOfSpaceError as error:
            return number, error
    raise AssertionError


class TestInMemory(StoreContract):
    @pytest.fixture
    def shop(self, open_shop: Callable[..., Shop]) -> Shop:
        return open_shop(CAPACITY)


class TestOnDisk(StoreContract):
    @pytest.fixture
    def shop(self, tmp_path: Path) -> Iterator[Shop]:
        store = open_store(tmp_path / "store", capacity_nbytes=CAPACITY)
        made = Shop(store, store.namespace(Namespace("default")))
        yield made
        report = store.check()
        close_store(store)
        made.forget()
        assert report.ok, report.problems
