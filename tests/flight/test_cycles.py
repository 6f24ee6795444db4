"""Recursion and cycles: what would wait for itself computes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gridcache.flight import attempt
from gridcache.store.flight_records import Flight
from gridcache.store.flights import Circular
from gridcache.store.lead import Lead
from gridcache.store.opening import close_store, open_store
from gridcache.store.records import entry_key

if TYPE_CHECKING:
    import threading
    from pathlib import Path

    import pytest

    from tests.flight.conftest import Calls, Gated, Start

_PATIENCE_S = 30.0


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
    gate: type[Gated], calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gates = gate("x"), gate("x")

    def compute(opened: Gated, other: str) -> str:
        opened()
        return str(calls.get(other, lambda: "inner")) + other

    first = start(calls.get, "a", lambda: compute(gates[0], "b"))
    second = start(calls.get, "b", lambda: compute(gates[1], "a"))
    gates[0].has_begun()
    gates[1].has_begun()
    gates[0].go.set()
    assert waiting.acquire(timeout=_PATIENCE_S)
    gates[1].go.set()
    assert second.result(_PATIENCE_S) == "innera"
    assert first.result(_PATIENCE_S) == "innerab"
    assert (calls.find("a"), calls.find("b")) == ("innerab", "innera")


def test_a_cycle_through_a_flight_that_lost_its_fence_is_seen(
    gate: type[Gated], calls: Calls, start: Start, waiting: threading.Semaphore
) -> None:
    gates = gate("x"), gate("x")

    def compute(opened: Gated, other: str) -> Any:
        opened()
        return calls.get(other, lambda: "inner")

    def chain() -> Any:
        return calls.get(
            "outer",
            lambda: calls.get(
                "lost", lambda: calls.get("inner", lambda: compute(gates[0], "k"))
            ),
        )

    first = start(chain)
    gates[0].has_begun()
    calls.store.delete(calls.space, ["lost"])
    second = start(calls.get, "k", lambda: compute(gates[1], "outer"))
    gates[1].has_begun()
    gates[0].go.set()
    assert waiting.acquire(timeout=_PATIENCE_S)
    gates[1].go.set()
    assert second.result(_PATIENCE_S) == "inner"
    assert first.result(_PATIENCE_S) == "inner"


def test_a_cycle_through_a_flight_that_was_taken_over_is_seen(calls: Calls) -> None:
    flights = calls.store.flights
    leads: list[Lead] = []

    def begin(key: str, outer: Lead | None = None, instead_of: int = 0) -> object:
        leads.append(Lead(*entry_key(calls.space.id, key), outer))
        return flights.begin(leads[-1], instead_of=instead_of)

    begin("outer")
    begin("lost", leads[0])
    begin("inner", leads[1])
    begin("k")
    assert isinstance(begin("k", leads[2]), Flight)
    assert isinstance(begin("lost", instead_of=leads[1].fence), Lead)
    assert isinstance(begin("outer", leads[3]), Circular)
    for lead in leads:
        flights.end(lead)


def test_recursion_waits_for_nobody_though_another_took_the_flight(
    gate: type[Gated], calls: Calls, start: Start
) -> None:
    usurper = gate("usurper")

    def compute() -> Any:
        calls.store.delete(calls.space, ["k"])
        future = start(calls.get, "k", usurper)
        usurper.has_begun()
        inner = calls.get("k", lambda: "inner")
        usurper.go.set()
        return inner, future.result(_PATIENCE_S)

    assert calls.get("k", compute) == ("inner", "usurper")
    assert calls.find("k") == "usurper"


def test_a_cycle_over_two_stores_ends(
    gate: type[Gated],
    calls: Calls,
    start: Start,
    waiting: threading.Semaphore,
    store_dir: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(attempt, "_CROSS_STORE_S", 0.1)
    store = open_store(store_dir / "other", capacity_nbytes=8 << 20)
    other, gated = type(calls)(store), gate("x")

    def compute() -> Any:
        gated()
        return other.get("b", lambda: "inner b")

    first = start(calls.get, "a", compute)
    gated.has_begun()
    second = start(other.get, "b", lambda: calls.get("a", lambda: "inner a"))
    assert waiting.acquire(timeout=_PATIENCE_S)
    gated.go.set()
    assert {first.result(_PATIENCE_S), second.result(_PATIENCE_S)} & {
        "inner a",
        "inner b",
    }
    close_store(store)
