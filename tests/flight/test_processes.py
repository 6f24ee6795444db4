"""Single flight over processes: once, and past death, stops and errors."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import pytest

from gridcache.flight import ABSENT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.flight.conftest import Calls, Hire

GATED = [["say", "computing"], ["wait"]]


def plan(key: str, *steps: list[Any], value: str | None = None) -> dict[str, Any]:
    return {"key": key, "steps": [*steps, ["return", value]]}


def gated(key: str, value: str) -> dict[str, Any]:
    return plan(key, *GATED, value=value)


def test_six_processes_compute_once_and_get_the_same_bytes(
    hire: Hire, calls: Calls, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    workers = [hire() for _ in range(6)]
    for number, worker in enumerate(workers):
        steps = [["log", str(log)], *GATED]
        worker.order(plan("k", *steps, value=f"by {number}"))
    said = [worker.next_words() for worker in workers]
    assert sorted(said) == ["computing"] + ["waiting"] * 5
    leader = said.index("computing")
    workers[leader].go()
    for worker in workers:
        worker.hear(f"got k=by {leader}")
    assert log.read_text() == "computed\n"
    assert calls.find("k") == f"by {leader}"


def test_a_killed_leader_is_replaced_though_its_heartbeat_is_fresh(
    hire: Hire, calls: Calls
) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated("k", "never")).hear("computing")
    waiter.order(gated("k", "v")).hear("waiting")
    leader.signal(signal.SIGKILL)
    waiter.hear("computing").go().hear("got k=v")
    assert calls.find("k") == "v"


def test_of_many_waiters_one_replaces_a_killed_leader(
    hire: Hire, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    leader, *waiters = [hire() for _ in range(4)]
    leader.order(gated("k", "never")).hear("computing")
    for waiter in waiters:
        waiter.order(plan("k", ["log", str(log)], value="v")).hear("waiting")
    leader.signal(signal.SIGKILL)
    for waiter in waiters:
        waiter.hear("got k=v")
    assert log.read_text() == "computed\n"


def test_who_comes_after_a_leaders_death_leads_without_waiting(hire: Hire) -> None:
    dead, late = hire(), hire()
    dead.order(gated("k", "never")).hear("computing")
    dead.signal(signal.SIGKILL)
    late.order(plan("k", value="v")).hear("got k=v")


def test_a_row_taken_over_by_a_new_process_does_not_keep_a_flight_alive(
    hire: Hire, calls: Calls
) -> None:
    assert calls.store._housekeeper is not None
    calls.store._housekeeper.stop()  # it would remove the record before
    dead = hire()
    dead.order(gated("k", "never")).hear("computing")
    dead.signal(signal.SIGKILL)
    heir, late = hire(), hire()
    heir.order(gated("other", "x")).hear("computing")
    late.order(plan("k", value="v")).hear("got k=v")


def test_a_stopped_leader_loses_its_fence_and_its_late_put_is_dropped(
    hire: Hire, calls: Calls
) -> None:
    leader, waiter = hire(), hire(stale_s=0.2)
    leader.order(gated("k", "old")).hear("computing")
    leader.signal(signal.SIGSTOP)
    waiter.order(gated("k", "new")).hear("waiting", "computing")
    waiter.go().hear("got k=new")
    leader.signal(signal.SIGCONT)
    leader.go().hear("got k=old")
    assert calls.find("k") == "new"


def test_a_late_leader_that_ends_first_does_not_end_its_successors_flight(
    hire: Hire, calls: Calls
) -> None:
    leader, successor, third = hire(), hire(stale_s=0.2), hire()
    leader.order(gated("k", "old")).hear("computing")
    leader.signal(signal.SIGSTOP)
    successor.order(gated("k", "new")).hear("waiting", "computing")
    leader.signal(signal.SIGCONT)
    leader.go().hear("got k=old")
    assert calls.find("k") is ABSENT
    third.order(gated("k", "third")).hear("waiting")
    successor.go().hear("got k=new")
    third.hear("got k=new")


def test_a_stopped_waiter_hinders_nobody(hire: Hire) -> None:
    leader, stopped, waiter = hire(), hire(), hire()
    leader.order(gated("k", "v")).hear("computing")
    stopped.order(plan("k", value="x")).hear("waiting")
    stopped.signal(signal.SIGSTOP)
    waiter.order(plan("k", value="x")).hear("waiting")
    leader.go().hear("got k=v")
    waiter.hear("got k=v")
    stopped.signal(signal.SIGCONT)
    stopped.hear("got k=v")


def test_an_exception_reaches_its_caller_and_the_next_waiter_tries(hire: Hire) -> None:
    leader, waiter = hire(), hire()
    leader.order(plan("k", *GATED, ["raise"])).hear("computing")
    waiter.order(gated("k", "v")).hear("waiting")
    leader.go().hear("raised ValueError")
    waiter.hear("computing").go().hear("got k=v")


def test_ctrl_c_ends_a_wait(hire: Hire) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated("k", "v")).hear("computing")
    waiter.order(plan("k", value="x")).hear("waiting")
    waiter.signal(signal.SIGINT)
    waiter.hear("raised KeyboardInterrupt")
    leader.go().hear("got k=v")


def test_ctrl_c_in_the_computation_lets_the_next_waiter_try(hire: Hire) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated("k", "never")).hear("computing")
    waiter.order(plan("k", value="v")).hear("waiting")
    leader.signal(signal.SIGINT)
    leader.hear("raised KeyboardInterrupt")
    waiter.hear("got k=v")


def test_a_value_put_meanwhile_reaches_waiters_and_is_not_overwritten(
    hire: Hire, calls: Calls
) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated("k", "computed")).hear("computing")
    waiter.order(plan("k", value="x")).hear("waiting")
    calls.put("k", "put")
    waiter.hear("got k=put")
    leader.go().hear("got k=computed")
    assert calls.find("k") == "put"


def test_processes_that_wait_for_each_other_compute(hire: Hire, calls: Calls) -> None:
    first, second = hire(), hire()
    first.order(plan("a", *GATED, ["get", plan("b", value="x")], value="A"))
    second.order(plan("b", *GATED, ["get", plan("a", value="inner")], value="B"))
    first.hear("computing")
    second.hear("computing")
    first.go().hear("waiting")
    second.go().hear("got a=inner", "got b=B")
    first.hear("got b=B", "got a=A")
    assert (calls.find("a"), calls.find("b")) == ("A", "B")


def test_a_cycle_of_three_processes_is_seen(hire: Hire) -> None:
    names = ["a", "b", "c"]
    workers = [hire() for _ in names]
    for worker, key, other in zip(workers, names, ["b", "c", "a"], strict=True):
        nested = ["get", plan(other, value="inner")]
        worker.order(plan(key, *GATED, nested, value=key.upper())).hear("computing")
    workers[0].go().hear("waiting")
    workers[1].go().hear("waiting")
    workers[2].go().hear("got a=inner", "got c=C")
    workers[1].hear("got c=C", "got b=B")
    workers[0].hear("got b=B", "got a=A")


def test_waiting_for_the_same_inner_key_is_no_cycle(hire: Hire, tmp_path: Path) -> None:
    log = tmp_path / "log"
    inner, first, second = hire(), hire(), hire()
    inner.order(gated("c", "C")).hear("computing")
    for worker, key in ((first, "a"), (second, "b")):
        nested = ["get", plan("c", ["log", str(log)], value="x")]
        worker.order(plan(key, nested, value=key)).hear("waiting")
    inner.go().hear("got c=C")
    first.hear("got c=C", "got a=a")
    second.hear("got c=C", "got b=b")
    assert not log.exists()


def test_a_cycle_is_seen_after_one_of_its_flights_changed_its_leader(
    hire: Hire,
) -> None:
    dead, first, second = hire(), hire(), hire()
    dead.order(gated("b", "never")).hear("computing")
    first.order(plan("a", ["get", plan("b", value="x")], value="A")).hear("waiting")
    second.order(plan("b", *GATED, ["get", plan("a", value="inner")], value="B"))
    second.hear("waiting")
    first.signal(signal.SIGSTOP)  # so that the second takes over, not the first
    dead.signal(signal.SIGKILL)
    second.hear("computing")
    first.signal(signal.SIGCONT)
    second.go().hear("got a=inner", "got b=B")
    first.hear("got b=B", "got a=A")


def test_the_dead_leave_no_records(hire: Hire, calls: Calls) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated("b", "never")).hear("computing")
    waiter.order(plan("a", ["get", plan("b", value="x")], value="A")).hear("waiting")
    assert calls.records() == 3
    waiter.signal(signal.SIGKILL)
    calls.store.tidy()
    assert calls.records() == 1
    leader.signal(signal.SIGKILL)
    calls.store.tidy()
    assert calls.records() == 0


def test_a_forked_child_computes_its_parents_key_without_waiting(
    hire: Hire, calls: Calls
) -> None:
    worker = hire()
    worker.order(plan("k", ["fork", plan("k", value="child")], value="parent"))
    worker.hear("got k=child", "got k=parent")
    assert calls.find("k") == "parent"


def test_a_forked_child_that_returns_from_the_computation_leads_nothing(
    hire: Hire, calls: Calls
) -> None:
    leader, waiter = hire(), hire()
    steps = [["say", "computing"], ["fork and return", "child"], ["wait"]]
    leader.order(plan("k", *steps, value="parent"))
    leader.hear("computing", "got k=child")
    assert calls.find("k") is ABSENT
    waiter.order(plan("k", value="x")).hear("waiting")
    leader.go().hear("got k=parent")
    waiter.hear("got k=parent")


def test_a_forked_child_waits_for_others_as_any_call_in_the_chain(hire: Hire) -> None:
    other, worker = hire(), hire()
    nested = ["get", plan("a", value="inner")]
    other.order(plan("b", *GATED, nested, value="B")).hear("computing")
    worker.order(plan("a", ["fork", plan("b", value="x")], value="A"))
    worker.hear("waiting")
    other.go().hear("got a=inner", "got b=B")
    worker.hear("got b=B", "got a=A")


@pytest.mark.parametrize("key", ["", "k" * 5_000, "\N{SNOWMAN}" * 200])
def test_any_key_can_fly(hire: Hire, calls: Calls, key: str) -> None:
    leader, waiter = hire(), hire()
    leader.order(gated(key, "v")).hear("computing")
    waiter.order(plan(key, value="x")).hear("waiting")
    leader.go().hear(f"got {key}=v")
    waiter.hear(f"got {key}=v")
    assert calls.find(key) == "v"


def test_a_leader_that_keeps_the_interpreters_lock_is_not_taken_for_a_stopped_one(
    hire: Hire,
) -> None:
    leader, waiter = hire(), hire(stale_s=1.0)  # it may be kept from running, too
    steps: list[list[Any]] = [["say", "computing"], ["hog", 2.0]]
    leader.order(plan("k", *steps, value="v")).hear("computing")
    waiter.order(plan("k", value="x")).hear("waiting", "got k=v")
    leader.hear("got k=v")


@pytest.mark.slow
def test_a_slow_leader_that_beats_keeps_its_fence(hire: Hire, calls: Calls) -> None:
    leader, waiter = hire(), hire(stale_s=2.5)
    leader.order(gated("k", "v")).hear("computing")
    waiter.order(plan("k", value="x")).hear("waiting")
    calls.see_beats(leader.pid, 4)
    leader.go().hear("got k=v")
    waiter.hear("got k=v")
