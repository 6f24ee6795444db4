"""Put, time to live, tags, pins, touch, cost: and what stays after a failure."""

import os
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

from gridcache import (
    ConfigError,
    GridCache,
    KeyNotFoundError,
    NotEncodableError,
    OutOfSpaceError,
    ValueTooLargeError,
)
from tests.cache.conftest import Make

MIB = 1 << 20


def mebibyte(fill: int = 0, count: float = 1) -> Any:
    """An array that no compression makes smaller; its ends tell which it is."""
    array = np.frombuffer(bytearray(os.urandom(int(count * MIB))), np.uint8)
    array[[0, -1]] = fill
    return array


def until(done: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)


class TestAbsent:
    """A key without a value."""

    def test_every_look_says_so(self, cache: GridCache) -> None:
        assert cache.get("a") is None
        assert cache.get("a", 1) == 1
        assert cache.get_many(["a", "b"]) == {}
        assert cache.contains_many(["a", "b"]) == set()
        assert cache.delete_many(["a", "b"]) == 0
        assert cache.info("a") is None
        assert cache.clear() == cache.clear(tag="t") == 0

    @pytest.mark.parametrize(
        "call",
        [
            lambda cache: cache["a"],
            lambda cache: cache.__delitem__("a"),
            lambda cache: cache.pop("a"),
            lambda cache: cache.pin("a"),
            lambda cache: cache.unpin("a"),
            lambda cache: cache.touch("a"),
        ],
        ids=["get", "del", "pop", "pin", "unpin", "touch"],
    )
    def test_what_needs_it_raises_with_the_reason(
        self, cache: GridCache, call: Callable[[GridCache], Any]
    ) -> None:
        with pytest.raises(KeyNotFoundError, match="'a' is not in cache") as caught:
            call(cache)
        assert isinstance(caught.value, KeyError)
        assert caught.value.reason == "never_stored"
        cache["a"] = 1
        del cache["a"]
        with pytest.raises(KeyError, match="deleted") as again:
            call(cache)
        assert again.value.reason == "deleted"  # type: ignore[attr-defined]

    def test_the_reason_is_expired_or_evicted(self, memory: GridCache) -> None:
        memory.put("a", 1, ttl=0.01)
        until(lambda: "a" not in memory)
        with pytest.raises(KeyNotFoundError) as caught:
            memory["a"]
        assert caught.value.reason == "expired"
        for number in range(40):
            memory[str(number)] = mebibyte(number)
        with pytest.raises(KeyNotFoundError) as caught:
            memory["0"]
        assert caught.value.reason == "evicted"


class TestAfterFailure:
    """The older value stays, nothing else does."""

    def test_not_encodable(self, cache: GridCache) -> None:
        cache["a"] = "old"
        for bad in (threading.Lock(), {"x": [1, threading.Lock()]}, (i for i in "ab")):
            with pytest.raises(NotEncodableError) as caught:
                cache["a"] = bad
            assert isinstance(caught.value, TypeError)
        with pytest.raises(NotEncodableError, match=r"\['x'\]\[1\].*lock"):
            cache.put("b", {"x": [1, threading.Lock()]})
        assert dict(cache) == {"a": "old"}

    def test_too_large(self, cache: GridCache) -> None:
        cache["a"] = "old"
        with pytest.raises(ValueTooLargeError, match=r"takes \d+ bytes.*resize"):
            cache["a"] = mebibyte(count=20)
        assert dict(cache) == {"a": "old"}

    def test_too_large_for_the_quota(self, make: Make) -> None:
        cache = make(quota="2MiB")
        cache["a"] = "old"
        with pytest.raises(ValueTooLargeError, match="quota"):
            cache["a"] = mebibyte(count=3)
        assert dict(cache) == {"a": "old"}

    def test_full_of_pins(self, cache: GridCache) -> None:
        sizes = r"no room for 1\d{6} bytes: of 16777216 bytes 1\d{7} are pinned"
        pins = {str(number): mebibyte(number) for number in range(40)}
        with pytest.raises(OutOfSpaceError, match=sizes) as caught:
            cache.put_many(pins, pin=True)
        assert isinstance(caught.value, MemoryError)
        kept = list(cache)
        assert 8 <= len(kept) < 16
        with pytest.raises(OutOfSpaceError):
            cache["0"] = mebibyte(99, 2)
        for key in kept:
            assert cache[key][-1] == int(key)
        cache.unpin(kept[0])
        cache["new"] = mebibyte(7)
        assert kept[0] not in cache

    def test_full_of_what_is_never_evicted(self, make: Make) -> None:
        keeps, lru = make("keeps", policy="none"), make("other")
        with pytest.raises(OutOfSpaceError, match=r"\d+ bytes"):
            keeps.update({str(number): mebibyte(number) for number in range(40)})
        kept = list(keeps)
        assert len(kept) >= 8
        with pytest.raises(OutOfSpaceError):
            lru["a"] = mebibyte(1)
        del keeps[kept[0]]
        lru["a"] = mebibyte(1)
        assert list(keeps) == kept[1:]

    @pytest.mark.parametrize(
        "options",
        [
            {"ttl": 0},
            {"ttl": -1},
            {"ttl": "soon"},
            {"cost": -1},
            {"cost": float("nan")},
            {"cost": 1e300},
            {"ttl": 1e300},
            {"tags": [1]},
            {"tags": [""]},
        ],
        ids=str,
    )
    def test_a_wrong_option(self, cache: GridCache, options: dict[str, Any]) -> None:
        cache["a"] = "old"
        with pytest.raises(ConfigError):
            cache.put("a", "new", **options)
        with pytest.raises(ConfigError):
            cache.get_or_compute("b", lambda: pytest.fail("in vain"), **options)
        assert dict(cache) == {"a": "old"}

    def test_put_many_keeps_what_came_before(self, cache: GridCache) -> None:
        with pytest.raises(NotEncodableError):
            cache.put_many({"a": 1, "b": threading.Lock(), "c": 3})
        assert dict(cache) == {"a": 1}


class TestCompression:
    def test_one_value_is_compressed_at_its_put(self, cache: GridCache) -> None:
        zeros = np.zeros(100_000)
        cache.put("raw", zeros)
        cache.put("packed", zeros, compression="lz4")
        cache.put_many({"many": zeros}, compression="lz4", immutable=True)
        packed = {key: info.compressed for key in cache if (info := cache.info(key))}
        assert packed == {"raw": False, "packed": True, "many": True}
        assert (cache["packed"] == zeros).all()

    def test_no_other_way_is_known(self, cache: GridCache) -> None:
        with pytest.raises(ConfigError, match=r'"lz4", not None'):
            cache.put("key", 1, compression=None)


class TestTimeToLive:
    @pytest.mark.parametrize("ttl", [0.05, "50ms", timedelta(milliseconds=50)])
    def test_an_entry_ends(self, cache: GridCache, ttl: Any) -> None:
        before = time.time()
        cache.put("a", 1, ttl=ttl)
        info = cache.info("a")
        assert info is not None
        assert info.expires == pytest.approx(before + 0.05, abs=1.0)
        until(lambda: cache.get("a") is None)
        assert time.time() >= before + 0.05
        assert "a" not in cache
        assert cache.info("a") is None

    def test_an_array_ends_but_not_its_views(self, cache: GridCache) -> None:
        cache.put("a", np.arange(100_000), ttl=0.05)
        view = cache["a"]
        until(lambda: cache.get("a") is None)
        cache["b"] = np.zeros(100_000)
        assert view[5] == 5

    def test_the_caches_ttl_is_the_default(self, make: Make) -> None:
        cache = make(ttl="1h")
        cache["a"] = 1
        cache.put("b", 1, ttl="2h")
        cache.get_or_compute("c", lambda: 1)
        assert _left_s(cache, "a") == pytest.approx(3600, abs=5)
        assert _left_s(cache, "b") == pytest.approx(7200, abs=5)
        assert _left_s(cache, "c") == pytest.approx(3600, abs=5)

    def test_an_overwrite_has_its_own(self, cache: GridCache) -> None:
        cache.put("a", 1, ttl=60)
        cache["a"] = 2
        info = cache.info("a")
        assert info is not None
        assert info.expires is None

    def test_touch_renews_or_leaves_it(self, cache: GridCache) -> None:
        cache.put("a", 1, ttl=60)
        cache.touch("a")
        assert _left_s(cache, "a") == pytest.approx(60, abs=5)
        cache.touch("a", "2h")
        assert _left_s(cache, "a") == pytest.approx(7200, abs=5)
        with pytest.raises(ConfigError):
            cache.touch("a", 0)

    def test_an_expired_entry_cannot_be_touched_back(self, cache: GridCache) -> None:
        cache.put("a", 1, ttl=0.02)
        until(lambda: "a" not in cache)
        with pytest.raises(KeyNotFoundError, match="expired"):
            cache.touch("a", "1h")

    def test_get_or_compute_computes_again(self, memory: GridCache) -> None:
        assert memory.get_or_compute("a", lambda: 1, ttl=0.02) == 1
        until(lambda: "a" not in memory)
        assert memory.get_or_compute("a", lambda: 2, ttl=0.02) == 2


def _left_s(cache: GridCache, key: str) -> float:
    info = cache.info(key)
    assert info is not None
    assert info.expires is not None
    return info.expires - time.time()


class TestTags:
    def test_a_group_is_deleted(self, cache: GridCache) -> None:
        cache.put("a", 1, tags=["x", "y"])
        cache.put("b", 2, tags="xy")
        cache.put("c", 3, tags={"y"})
        cache["d"] = 4
        assert cache.clear(tag="none") == 0
        assert cache.clear(tag="y") == 2
        assert dict(cache) == {"b": 2, "d": 4}
        assert cache.clear(tag="xy") == 1

    def test_an_overwrite_leaves_the_group(self, cache: GridCache) -> None:
        cache.put("a", 1, tags=["x"])
        cache.put("a", 2, tags=["y"])
        assert cache.clear(tag="x") == 0
        info = cache.info("a")
        assert info is not None
        assert info.tags == ("y",)

    def test_the_same_tag_twice_is_once(self, cache: GridCache) -> None:
        cache.put("a", 1, tags=["x", "x", "t" * 2000])
        assert cache.clear(tag="x") == 1
        cache.put("a", 1, tags=["t" * 2000 + "a"])
        assert cache.clear(tag="t" * 2000) == 0
        assert cache.clear(tag="t" * 2000 + "a") == 1

    def test_another_namespace_is_left_alone(self, make: Make) -> None:
        one, other = make("one"), make("other")
        one.put("a", 1, tags="x")
        other.put("a", 1, tags="x")
        assert one.clear(tag="x") == 1
        assert one.clear() == 0
        assert list(other) == ["a"]


class TestEviction:
    def test_the_least_recently_used_goes_first(self, memory: GridCache) -> None:
        for number in range(8):
            memory[str(number)] = mebibyte(number)
        memory.touch("0")
        assert memory["1"][0] == 1
        for number in range(8, 17):
            memory[str(number)] = mebibyte(number)
        assert "0" in memory
        assert "1" in memory
        assert "2" not in memory

    def test_a_pin_stays(self, cache: GridCache) -> None:
        cache.put("pinned", mebibyte(1), pin=True)
        cache["later"] = mebibyte(2)
        cache.pin("later")
        for number in range(40):
            cache[str(number)] = mebibyte(number)
        assert cache["pinned"][0] == 1
        assert cache["later"][0] == 2
        info = cache.info("pinned")
        assert info is not None
        assert info.pinned
        cache.unpin("pinned")
        for number in range(40):
            cache[str(number)] = mebibyte(number)
        assert "pinned" not in cache

    def test_an_overwrite_without_pin_may_go(self, memory: GridCache) -> None:
        memory.put("a", mebibyte(1), pin=True)
        memory["a"] = mebibyte(2)
        assert memory.stats().namespace.pinned_nbytes == 0

    def test_a_quota_is_a_bound(self, make: Make) -> None:
        small, large = make("small", quota="3MiB", compression=None), make("large")
        large.put_many({str(n): mebibyte(n) for n in range(5)})
        for number in range(20):
            small[str(number)] = mebibyte(number, 0.5)
            assert small.stats().namespace.stored_nbytes <= 3 * MIB
        assert "19" in small
        assert len(large) == 5


def test_cost_is_what_a_hit_saves(cache: GridCache) -> None:
    cache.put("a", 1, cost=10)
    cache.put("b", 1, cost="1m")
    info = cache.info("b")
    assert info is not None
    assert info.cost_s == 60
    for _ in range(3):
        cache["a"], cache["b"]
    assert cache.stats().namespace.saved_s == pytest.approx(210)


def test_put_many_takes_options_and_delete_many_counts(cache: GridCache) -> None:
    cache.put_many({"a": 1, "b": 2}, tags="t", pin=True, ttl=60, cost=2)
    info = cache.info("b")
    assert info is not None
    assert (info.tags, info.pinned, info.cost_s) == (("t",), True, 2.0)
    assert cache.delete_many(key for key in ["a", "x", "a", "b"]) == 2
    assert len(cache) == 0


def test_put_many_takes_pairs(memory: GridCache) -> None:
    memory.put_many((str(number), number) for number in range(3))
    assert dict(memory) == {"0": 0, "1": 1, "2": 2}


def test_setdefault_gives_what_a_get_gives(cache: GridCache) -> None:
    mine = np.zeros(5)
    first = cache.setdefault("a", mine)
    again = cache.setdefault("a", np.ones(5))
    for got in (first, again):
        assert got is not mine
        assert not got.flags.writeable
        assert got.sum() == 0
    assert cache.setdefault("n") is None
    assert "n" in cache


def test_get_many_gives_the_hits_under_the_keys_as_given(cache: GridCache) -> None:
    cache.put_many({("a", 1): 1, "b": None})
    assert cache.get_many([("a", 1), "b", "c", "b"]) == {("a", 1): 1, "b": None}
    writable = cache.get_many(["b"], copy=True)
    assert writable == {"b": None}


def test_clear_empties_a_store_of_many_sizes(cache: GridCache) -> None:
    for number in range(300):
        cache[str(number)] = b"x" * (number * 100)
    assert cache.clear() == 300
    assert len(cache) == 0
    assert cache.stats().namespace.stored_nbytes == 0
