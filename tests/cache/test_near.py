"""The near cache: small immutable values, bounded, never stale."""

import os
import threading
from typing import Any

import numpy as np
import pytest

from gridcache import GridCache
from gridcache.near import NearCache, NearValue
from tests.cache.conftest import Hire, Make


def warm(cache: GridCache, key: Any) -> Any:
    """Read until the near cache holds it."""
    for _ in range(3):
        value = cache[key]
    return value


class TestItself:
    def test_a_value_enters_at_its_second_offer(self) -> None:
        near = NearCache(10_000)
        kept = NearValue(1, "v", 10)
        near.offer(b"k", kept)
        assert near.get(b"k") is None
        near.offer(b"k", kept)
        assert near.get(b"k") is kept
        near.clear()
        assert near.get(b"k") is None
        assert near.nbytes == 0

    def test_it_is_bounded_and_keeps_what_is_used(self) -> None:
        near = NearCache(10_000)
        for number in range(1000):
            for _ in range(2):
                near.offer(str(number).encode(), NearValue(1, "v", 100))
            near.get(b"0")
            assert near.nbytes <= 10_000
        assert near.get(b"0") is not None
        assert near.get(b"1") is None
        assert near.get(b"999") is not None

    @pytest.mark.parametrize(
        ("bound", "nbytes"), [(0, 0), (1000, 900), (1 << 30, 1 << 20)]
    )
    def test_what_is_too_large_stays_out(self, bound: int, nbytes: int) -> None:
        near = NearCache(bound)
        for _ in range(3):
            near.offer(b"k", NearValue(1, "v", nbytes))
        assert near.get(b"k") is None

    def test_threads_neither_fail_nor_break_the_bound(self) -> None:
        near = NearCache(3_000)
        failures: list[BaseException] = []

        def use(seed: int) -> None:
            try:
                for step in range(3_000):
                    key = str((seed * 7919 + step) % 40).encode()
                    near.offer(key, NearValue(step, "v", 100))
                    near.get(key)
                    if step % 500 == 0:
                        near.clear()
            except BaseException as error:  # noqa: BLE001 - shown below
                failures.append(error)

        threads = [threading.Thread(target=use, args=(seed,)) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert failures == []
        assert near.nbytes <= 3_000
        assert near.nbytes == sum(
            228 for number in range(40) if near.get(b"%d" % number)
        )

    def test_an_interrupted_change_is_forgotten(self) -> None:
        near = NearCache(1_000)
        for number in range(3):
            for _ in range(2):
                near.offer(b"%d" % number, NearValue(1, "v", 100))
        near._values._LRUCache__order.clear()  # type: ignore[attr-defined]
        for _ in range(2):
            near.offer(b"x", NearValue(1, "v", 400))
        assert near.nbytes == 0
        for _ in range(2):
            near.offer(b"y", NearValue(1, "v", 400))
        assert near.get(b"y") is not None

    def test_a_child_forked_while_a_thread_is_inside_can_use_it(self) -> None:
        near = NearCache(10_000)
        near._lock.acquire()
        child = os.fork()
        if child == 0:
            for _ in range(2):
                near.offer(b"k", NearValue(1, "v", 1))
            os._exit(0 if near.get(b"k") else 1)
        near._lock.release()
        assert os.waitpid(child, 0)[1] == 0


def test_immutable_values_are_the_same_object_again(memory: GridCache) -> None:
    for number, value in enumerate(["text", 10**30, (1, ("a", b"b")), b"x" * 5000]):
        memory[number] = value
        kept = warm(memory, number)
        assert memory[number] is kept
        assert kept == value


FLAT: list[Any] = [{"a": 1.5, 2: ("b", None)}, [1, "a", b"c"], {}, []]


@pytest.mark.parametrize("value", FLAT)
def test_flat_containers_come_anew_from_it(memory: GridCache, value: Any) -> None:
    memory["a"] = value
    first = warm(memory, "a")
    assert memory._values.near.nbytes > 0
    again = memory["a"]
    assert again == value
    assert type(again) is type(value)
    assert list(again) == list(value)
    again.clear()
    assert memory["a"] == first == value
    assert memory["a"] is not memory["a"]


@pytest.mark.parametrize("value", [{"a": [1]}, [{}], [bytearray()], {"a": np.ones(1)}])
def test_containers_with_something_mutable_stay_out(
    memory: GridCache, value: Any
) -> None:
    memory["a"] = value
    warm(memory, "a")
    assert memory._values.near.nbytes == 0


def test_long_keys_count_in_its_bound(memory: GridCache) -> None:
    for key in ("k" * 500, "k" * (1 << 20)):
        memory[key] = 1
        assert warm(memory, key) == 1
        assert 500 < memory._values.near.nbytes < 2_000


def test_mutable_values_never_are(memory: GridCache) -> None:
    for value in ([1], {"a": 1}, ([1],), np.arange(3), bytearray(b"a")):
        memory["a"] = value
        kept = warm(memory, "a")
        assert memory["a"] is not kept


class TestNeverStale:
    def test_after_an_overwrite_or_a_delete(self, cache: GridCache) -> None:
        for step in range(20):
            cache["a"] = f"value {step}"
            assert warm(cache, "a") == f"value {step}"
        del cache["a"]
        assert cache.get("a") is None
        cache["a"] = "value 19"
        assert cache["a"] == "value 19"
        cache.clear()
        assert "a" not in cache
        assert cache.get("a") is None

    def test_after_another_cache_of_this_process(self, make: Make) -> None:
        one, other = make(), make()
        one["a"] = "old"
        assert warm(one, "a") == warm(other, "a") == "old"
        other["a"] = "new"
        assert one["a"] == "new"

    def test_after_another_process(self, cache: GridCache, hire: Hire) -> None:
        cache["a"] = "mine"
        warm(cache, "a")
        other = hire(cache.path)
        for step in range(50):
            other.ask(f"cache['a'] = 'step {step}'")
            assert warm(cache, "a") == f"step {step}"
        other.ask("cache.delete_many(['a'])")
        assert cache.get("a") is None

    def test_after_its_time(self, cache: GridCache) -> None:
        cache.put("a", "v", ttl=0.05)
        while (found := cache.get("a")) is not None:
            assert found == "v"
        assert "a" not in cache

    def test_after_touch_gave_it_an_end(self, cache: GridCache) -> None:
        cache["a"] = "v"
        warm(cache, "a")
        cache.touch("a", ttl=0.03)
        while cache.get("a") is not None:
            pass
        assert cache.explain("a").reason == "expired"

    def test_after_eviction(self, memory: GridCache) -> None:
        memory["a"] = "v"
        warm(memory, "a")
        for number in range(40):
            memory[str(number)] = os.urandom(1 << 20)
        if "a" not in memory:
            assert memory.get("a") is None


def test_a_value_with_an_end_is_kept_until_then(memory: GridCache) -> None:
    memory.put("a", "v", ttl=3600, tags=["t"])
    kept = warm(memory, "a")
    assert memory["a"] is kept
    memory.touch("a", ttl=0.02)
    while (found := memory.get("a")) is not None:
        assert found == "v"
    assert memory.explain("a").reason == "expired"


def test_its_hits_are_counted(memory: GridCache) -> None:
    memory.put("a", "v", cost=1)
    for _ in range(10):
        memory["a"]
    own = memory.stats().namespace
    assert own.hits == 10
    assert own.saved_s == pytest.approx(10)
    info = memory.info("a")
    assert info is not None
    assert info.hits == 10


def test_a_setting_turns_it_off(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRIDCACHE_NEAR_BYTES", "0")
    cache = make()
    cache["a"] = (1, "text")
    assert warm(cache, "a") == (1, "text")
    assert cache._values.near.nbytes == 0
