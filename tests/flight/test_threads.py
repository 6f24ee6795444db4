"""Single flight over the threads of one process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from gridcache import codec
from gridcache.flight import ABSENT, attempt
from gridcache.store.opening import close_store, open_store
from gridcache.store.writer import Order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flight.conftest import Calls

_PATIENCE_S = 30.0
Start = Callable[..., "Future[Any]"]


@pytest.fixture
def start() -> Iterator[Start]:
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit


class Gated:
    """A computation that says it has begun and waits to be let go."""

    def __init__(self, value: Any = "v") -> None:
        self.begun, self.go = threading.Event(), threading.Event()
        self.runs = 0
        self._value = value

    def __call__(self) -> Any:
        self.runs += 1
        self.begun.set()
        assert self.go.wait(_PATIENCE_S)
        return self._value


def begun(gated: Gated) -> None:
    assert gated.begun.wait(_PATIENCE_S)


def test_threads_compute_once(
    calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gated = Gated()
    futures = [start(calls.get, "k", gated) for _ in range(20)]
    for _ in range(19):
        assert waiting.acquire(timeout=_PATIENCE_S)
    gated.go.set()
    assert [future.result(_PATIENCE_S) for future in futures] == ["v"] * 20
    assert gated.runs == 1


def test_none_is_a_value(calls: Calls) -> None:
    assert calls.get("k", lambda: None) is None
    assert calls.get("k", lambda: pytest.fail("computed again")) is None


def test_unstorable_values_are_computed_by_each_waiter_in_turn(
    calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    at_once = threading.Semaphore(1)
    runs: list[int] = []

    def compute() -> str:
        assert at_once.acquire(blocking=False), "two at once"
        if not runs:
            for _ in range(7):
                assert waiting.acquire(timeout=_PATIENCE_S)
        runs.append(1)
        at_once.release()
        return "v"

    futures = [start(calls.get, "k", compute, store=False) for _ in range(8)]
    assert [future.result(_PATIENCE_S) for future in futures] == ["v"] * 8
    assert len(runs) == 8


def test_each_exception_reaches_its_own_caller(
    calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gate, number = threading.Event(), iter(range(4))

    def compute() -> str:
        gate.wait(_PATIENCE_S)
        raise ValueError(str(next(number)))

    futures = [start(calls.get, "k", compute) for _ in range(4)]
    for _ in range(3):
        assert waiting.acquire(timeout=_PATIENCE_S)
    gate.set()
    said = sorted(str(future.exception(_PATIENCE_S)) for future in futures)
    assert said == ["0", "1", "2", "3"]


def test_recursion_computes_without_waiting_and_the_outer_value_stays(
    calls: Calls,
) -> None:
    assert calls.get("k", lambda: calls.get("k", lambda: 1) + 1) == 2
    assert calls.find("k") == 2


def test_recursion_over_another_key_computes_without_waiting(calls: Calls) -> None:
    def outer() -> str:
        inner = calls.get("b", lambda: calls.get("a", lambda: "inner"))
        return f"outer {inner}"

    assert calls.get("a", outer) == "outer inner"
    assert (calls.find("a"), calls.find("b")) == ("outer inner", "inner")


def test_a_deep_recursion_is_one_flight_each(calls: Calls) -> None:
    def fibonacci(n: int) -> int:
        if n < 2:
            return n
        return int(
            calls.get(f"f{n - 1}", lambda: fibonacci(n - 1))
            + calls.get(f"f{n - 2}", lambda: fibonacci(n - 2))
        )

    assert calls.get("f60", lambda: fibonacci(60)) == 1548008755920


def test_threads_that_wait_for_each_other_compute(
    calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gates = Gated("x"), Gated("x")

    def compute(gate: Gated, other: str) -> str:
        gate()
        return str(calls.get(other, lambda: "inner")) + other

    first = start(calls.get, "a", lambda: compute(gates[0], "b"))
    second = start(calls.get, "b", lambda: compute(gates[1], "a"))
    begun(gates[0])
    begun(gates[1])
    gates[0].go.set()
    assert waiting.acquire(timeout=_PATIENCE_S)
    gates[1].go.set()
    assert second.result(_PATIENCE_S) == "innera"
    assert first.result(_PATIENCE_S) == "innerab"
    assert (calls.find("a"), calls.find("b")) == ("innerab", "innera")


def test_a_cycle_over_two_stores_ends(
    calls: Calls,
    start: Start,
    waiting: threading.Semaphore,
    store_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt, "_CROSS_STORE_S", 0.1)
    store = open_store(store_dir / "other", capacity_nbytes=8 << 20)
    other, gate = type(calls)(store), Gated("x")

    def compute() -> Any:
        gate()
        return other.get("b", lambda: "inner b")

    first = start(calls.get, "a", compute)
    begun(gate)
    second = start(other.get, "b", lambda: calls.get("a", lambda: "inner a"))
    assert waiting.acquire(timeout=_PATIENCE_S)
    gate.go.set()
    assert {first.result(_PATIENCE_S), second.result(_PATIENCE_S)} & {
        "inner a",
        "inner b",
    }
    close_store(store)


def test_a_stalled_store_does_not_keep_a_value_from_its_caller(
    calls: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = calls.store._parts.index.gate
    monkeypatch.setattr(gate, "_timeout_s", 0.05)
    with gate, ThreadPoolExecutor(1) as pool:
        value = pool.submit(calls.get, "k", lambda: "v", store=False)
        assert value.result(_PATIENCE_S) == "v"


def test_a_put_by_the_computation_itself_stands(calls: Calls) -> None:
    def compute() -> str:
        calls.put("k", "put inside")
        return "computed"

    assert calls.get("k", compute) == "computed"
    assert calls.find("k") == "put inside"


def test_a_delete_voids_the_flights_put(calls: Calls, start: Start) -> None:
    gated = Gated("from before the delete")
    future = start(calls.get, "k", gated)
    begun(gated)
    assert calls.store.delete(calls.space, ["k"]) == 0
    gated.go.set()
    assert future.result(_PATIENCE_S) == "from before the delete"
    assert calls.find("k") is ABSENT


def test_a_delete_lets_a_waiter_compute_anew(
    calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gated = Gated("from before the delete")
    leader = start(calls.get, "k", gated)
    begun(gated)
    waiter = start(calls.get, "k", lambda: "new")
    assert waiting.acquire(timeout=_PATIENCE_S)
    calls.store.delete(calls.space, ["k"])
    assert waiter.result(_PATIENCE_S) == "new"
    gated.go.set()
    assert leader.result(_PATIENCE_S) == "from before the delete"
    assert calls.find("k") == "new"


def test_a_cleared_namespace_stays_clear_of_what_was_being_computed(
    calls: Calls, start: Start
) -> None:
    gated = Gated("from before the clearing")
    future = start(calls.get, "k", gated)
    begun(gated)
    calls.store.clear(calls.space)
    gated.go.set()
    future.result(_PATIENCE_S)
    assert calls.find("k") is ABSENT


def test_an_expired_entry_is_computed(calls: Calls) -> None:
    order = Order(calls.space, "k", codec.encode("old"), ttl_s=-1.0)
    calls.store.put(order)
    assert calls.get("k", lambda: "new") == "new"


def test_an_entry_that_cannot_be_read_is_computed_and_replaced(calls: Calls) -> None:
    calls.put("k", "unreadable")
    found: list[Any] = []

    def find() -> Any:
        value = calls.find("k")
        found.append(value)
        return ABSENT if value == "unreadable" else value

    value = calls.flight.run(
        calls.space,
        "k",
        find=find,
        compute=lambda: "new",
        keep=lambda value, fence: (calls.put("k", value, fence), value)[1],
    )
    assert value == "new"
    assert found == ["unreadable"]
    assert calls.find("k") == "new"


def test_closing_ends_the_flights_though_their_calls_go_on(
    calls: Calls, start: Start
) -> None:
    gated = Gated()
    future = start(calls.get, "k", gated)
    begun(gated)
    calls.store.flights.close()
    assert calls.get("k", lambda: "new") == "new"
    gated.go.set()
    assert future.result(_PATIENCE_S) == "v"
    assert calls.find("k") == "new"
