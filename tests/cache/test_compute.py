"""`get_or_compute`: once for all threads and processes, and never lost."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, Never

import numpy as np
import pytest

from gridcache import (
    CacheWarning,
    ConfigError,
    GridCache,
    OutOfSpaceError,
    StoreStalledError,
)
from tests.cache.conftest import Hire, Make

LONG_S = 60


def refuse() -> Any:
    pytest.fail("computed though it was there")


def test_it_computes_once_and_stores(cache: GridCache) -> None:
    assert cache.get_or_compute("a", lambda: {"n": 1}) == {"n": 1}
    assert cache.get_or_compute("a", refuse) == {"n": 1}
    assert cache["a"] == {"n": 1}


def test_its_options_go_with_the_entry(cache: GridCache) -> None:
    cache.get_or_compute("a", lambda: 1, ttl="1h", cost=5, tags="t", pin=True)
    info = cache.info("a")
    assert info is not None
    assert (info.cost_s, info.tags, info.pinned) == (5.0, ("t",), True)
    assert info.expires is not None


def test_it_measures_what_it_cost(
    memory: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    moments = iter([100.0, 107.5])
    monkeypatch.setattr("gridcache.compute.time.perf_counter", lambda: next(moments))
    memory.get_or_compute("a", lambda: 1)
    info = memory.info("a")
    assert info is not None
    assert info.cost_s == 7.5


def test_threads_compute_once(cache: GridCache) -> None:
    calls, started, go = [], threading.Event(), threading.Event()

    def compute() -> Any:
        calls.append(1)
        started.set()
        assert go.wait(LONG_S)
        return np.arange(100_000)

    with ThreadPoolExecutor(8) as pool:
        leader = pool.submit(cache.get_or_compute, "a", compute)
        assert started.wait(LONG_S)
        waiters = [pool.submit(cache.get_or_compute, "a", compute) for _ in range(7)]
        go.set()
        values = [future.result(LONG_S) for future in (leader, *waiters)]
    assert len(calls) == 1
    for value in values:
        assert value.sum() == np.arange(100_000).sum()
        assert not value.flags.writeable


def test_processes_compute_once(cache: GridCache, hire: Hire) -> None:
    others = [hire(cache.path) for _ in range(3)]
    for other in others:
        other.ask("calls = []")
        other.ask(
            "def compute():\n"
            "    calls.append(1)\n"
            "    time.sleep(0.2)\n"
            "    return {'by': os.getpid()}\n"
        )
    for other in others:
        other.tell("cache.get_or_compute('a', compute)['by']")
    pids = {other.answer() for other in others}
    assert len(pids) == 1
    assert sum(other.ask("len(calls)") for other in others) == 1
    assert cache["a"] == {"by": pids.pop()}


def test_a_leader_that_dies_is_replaced(memory: GridCache, hire: Hire) -> None:
    other = hire(memory.path)
    other.ask("gate = threading.Event()")
    other.tell(
        "cache.get_or_compute('a', lambda: (cache.put('inside', 1), gate.wait()))"
    )
    while "inside" not in memory:
        pass
    with ThreadPoolExecutor(1) as pool:
        waiter = pool.submit(memory.get_or_compute, "a", lambda: "mine")
        assert not waiter.done()
        other.kill()
        assert waiter.result(LONG_S) == "mine"
    assert memory["a"] == "mine"


def test_an_exception_reaches_its_caller_and_the_next_tries(
    cache: GridCache,
) -> None:
    def fail() -> Never:
        message = "no luck"
        raise ZeroDivisionError(message)

    with pytest.raises(ZeroDivisionError, match="no luck"):
        cache.get_or_compute("a", fail)
    assert "a" not in cache
    assert cache.get_or_compute("a", lambda: 1) == 1


def test_a_delete_while_it_computes_wins(memory: GridCache) -> None:
    def compute() -> str:
        memory.delete_many(["a"])
        return "from old data"

    assert memory.get_or_compute("a", compute) == "from old data"
    assert "a" not in memory


def test_a_put_while_it_computes_wins(memory: GridCache) -> None:
    def compute() -> str:
        memory["a"] = "newer"
        return "from old data"

    assert memory.get_or_compute("a", compute) == "newer"
    assert memory["a"] == "newer"


def test_it_may_be_called_inside_itself(memory: GridCache) -> None:
    def factorial(number: int) -> int:
        return memory.get_or_compute(
            number, lambda: number * factorial(number - 1) if number else 1
        )

    assert factorial(20) == 2432902008176640000
    assert len(memory) == 21
    assert (
        memory.get_or_compute("a", lambda: memory.get_or_compute("a", lambda: 1)) == 1
    )


class TestWhenStoringFails:
    """The value is returned, with one warning."""

    def test_what_cannot_be_encoded(self, cache: GridCache) -> None:
        lock = threading.Lock()
        with pytest.warns(CacheWarning, match="'a' was computed but not") as caught:
            assert cache.get_or_compute("a", lambda: lock) is lock
        assert cache.get_or_compute("b", lambda: lock) is lock
        assert caught[0].filename == __file__
        assert len(cache) == 0

    def test_what_is_too_large_or_has_no_room(self, make: Make) -> None:
        cache = make(policy="none")
        large = np.zeros(20 << 20, np.uint8)
        with pytest.warns(CacheWarning, match=r"takes \d+ bytes"):
            assert cache.get_or_compute("a", lambda: large) is large

        def fill() -> None:
            for number in range(40):
                compute = partial(np.full, 1 << 20, number, np.uint8)
                got: Any = cache.get_or_compute(number, compute)
                assert got[0] == number

        with pytest.warns(CacheWarning, match="no room") as caught:
            fill()
        assert len(caught) == 1

    def test_another_cache_object_says_it_again(self, make: Make) -> None:
        for cache in (make(), make()):
            with pytest.warns(CacheWarning):
                cache.get_or_compute("a", threading.Lock)

    def test_whoever_asks_is_told_each_time(self, memory: GridCache) -> None:
        told: list[Exception] = []
        for key in ("a", "b"):
            memory.get_or_compute(key, threading.Lock, on_error=told.append)
        assert [getattr(error, "kind", "") for error in told] == ["not_encodable"] * 2

    @pytest.mark.parametrize("error", [OutOfSpaceError, StoreStalledError, OSError])
    def test_any_failure_of_the_store(
        self,
        memory: GridCache,
        monkeypatch: pytest.MonkeyPatch,
        error: type[Exception],
    ) -> None:
        def fail(*_: object) -> Never:
            raise error

        monkeypatch.setattr(memory._values.store, "put", fail)
        with pytest.warns(CacheWarning, match="not stored"):
            assert memory.get_or_compute("a", lambda: 1) == 1

    def test_the_next_caller_computes(self, memory: GridCache) -> None:
        calls: list[int] = []

        def compute() -> Any:
            calls.append(1)
            return threading.Lock()

        for _ in range(2):
            memory.get_or_compute("a", compute, on_error=lambda _: None)
        assert len(calls) == 2


def test_a_condition_decides_what_is_stored(memory: GridCache) -> None:
    assert memory.get_or_compute("a", lambda: None, condition=bool) is None
    assert "a" not in memory
    assert memory.get_or_compute("a", lambda: 1, condition=bool) == 1
    assert memory["a"] == 1


def test_wrong_options_are_refused_before_anything_is_computed(
    memory: GridCache,
) -> None:
    with pytest.raises(TypeError, match="unexpected keyword"):
        memory.get_or_compute("a", refuse, until="tomorrow")
    with pytest.raises(ConfigError):
        memory.get_or_compute("a", refuse, ttl="soon")
    assert memory.get_or_compute("a", lambda: 1) == 1
