"""Single flight over the threads of one process."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from gridcache import codec
from gridcache.flight import ABSENT
from gridcache.store.opening import close_store, open_store
from gridcache.store.writer import Order

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flight.conftest import Calls, Gated, Start

_PATIENCE_S = 30.0


def test_threads_compute_once(
    gate: type[Gated], calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gated = gate()
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


def test_a_stalled_store_does_not_keep_a_value_from_its_caller(
    calls: Calls, start: Start, store_dir: Path
) -> None:
    store = open_store(
        store_dir / "stalled", capacity_nbytes=8 << 20, stall_timeout_s=0.05
    )
    stalled = type(calls)(store)
    with store._parts.index.gate:
        future = start(stalled.get, "k", lambda: "v", store=False)
        assert future.result(_PATIENCE_S) == "v"
    close_store(store)


def test_a_put_by_the_computation_itself_stands(calls: Calls) -> None:
    def compute() -> str:
        calls.put("k", "put inside")
        return "computed"

    assert calls.get("k", compute) == "computed"
    assert calls.find("k") == "put inside"


def test_a_delete_voids_the_flights_put(
    gate: type[Gated], calls: Calls, start: Start
) -> None:
    gated = gate("from before the delete")
    future = start(calls.get, "k", gated)
    gated.has_begun()
    assert calls.store.delete(calls.space, ["k"]) == 0
    gated.go.set()
    assert future.result(_PATIENCE_S) == "from before the delete"
    assert calls.find("k") is ABSENT


def test_a_delete_lets_a_waiter_compute_anew(
    gate: type[Gated], calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gated = gate("from before the delete")
    leader = start(calls.get, "k", gated)
    gated.has_begun()
    waiter = start(calls.get, "k", lambda: "new")
    assert waiting.acquire(timeout=_PATIENCE_S)
    calls.store.delete(calls.space, ["k"])
    assert waiter.result(_PATIENCE_S) == "new"
    gated.go.set()
    assert leader.result(_PATIENCE_S) == "from before the delete"
    assert calls.find("k") == "new"


def test_a_cleared_namespace_stays_clear_of_what_was_being_computed(
    gate: type[Gated], calls: Calls, start: Start
) -> None:
    gated = gate("from before the clearing")
    future = start(calls.get, "k", gated)
    gated.has_begun()
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
    gate: type[Gated], calls: Calls, start: Start
) -> None:
    gated = gate()
    future = start(calls.get, "k", gated)
    gated.has_begun()
    calls.store.flights.close()
    assert calls.get("k", lambda: "new") == "new"
    gated.go.set()
    assert future.result(_PATIENCE_S) == "v"
    assert calls.find("k") == "new"
