"""The writers' gate: one at a time, timed, and never left shut."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gridcache.errors import ClosedError, GridCacheError, StoreStalledError
from gridcache.store.gate import WriterGate
from tests.store.kit.processes import Child

PATIENCE_S = 0.2


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[WriterGate]:
    made = WriterGate(tmp_path / "gate", PATIENCE_S, lambda: 4711)
    yield made
    made.close()


def elsewhere(work: Callable[[], None]) -> BaseException | None:
    """Run in another thread; returns what it raised."""
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except GridCacheError as error:
            raised.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    return raised[0] if raised else None


def passes(gate: WriterGate) -> bool:
    def work() -> None:
        with gate:
            pass

    return elsewhere(work) is None


def test_passes_again_and_again(gate: WriterGate) -> None:
    for _ in range(3):
        with gate:
            pass
    assert passes(gate)


def test_lets_one_thread_in_at_a_time(gate: WriterGate) -> None:
    with gate:
        assert not passes(gate)
    assert passes(gate)


def test_lets_one_opener_in_at_a_time(gate: WriterGate, tmp_path: Path) -> None:
    other = WriterGate(tmp_path / "gate", PATIENCE_S, lambda: 4711)
    with gate, pytest.raises(StoreStalledError) as caught, other:
        pass
    assert caught.value.context["pid"] == 4711
    assert "4711" in str(caught.value)
    with other:
        pass
    other.close()


def test_a_waiting_thread_names_the_process_in_the_way(
    gate: WriterGate, tmp_path: Path
) -> None:
    """And not itself, though a thread of its own process stands before it."""
    other = WriterGate(tmp_path / "gate", PATIENCE_S, lambda: 4711)
    inside, errors = threading.Barrier(2), list[BaseException | None]()

    def work() -> None:
        inside.wait()
        with other:
            pass

    with gate:
        threads = [
            threading.Thread(target=lambda: errors.append(elsewhere(work)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    other.close()
    assert [error.context["pid"] for error in errors] == [4711, 4711]  # type: ignore[union-attr]


def test_refuses_a_call_inside_a_call(gate: WriterGate) -> None:
    with gate, pytest.raises(GridCacheError, match="inside a store call"), gate:
        pass
    assert passes(gate)


def test_an_error_inside_opens_it(gate: WriterGate) -> None:
    with pytest.raises(KeyError), gate:
        raise KeyError
    assert passes(gate)


def test_a_closed_gate_says_so(gate: WriterGate) -> None:
    gate.close()
    gate.close()
    with pytest.raises(ClosedError), gate:
        pass


def leave_shut(gate: WriterGate) -> None:
    """As after an interrupt at the entry of `__exit__`."""
    gate.__enter__()


def test_the_thread_that_forgot_it_passes_again(gate: WriterGate) -> None:
    leave_shut(gate)
    with gate:
        assert not passes(gate)
    assert passes(gate)


def test_another_thread_takes_a_forgotten_gate_over(gate: WriterGate) -> None:
    leave_shut(gate)
    assert passes(gate)
    with gate:
        pass


def test_a_thread_that_ended_inside_is_no_obstacle(gate: WriterGate) -> None:
    elsewhere(lambda: leave_shut(gate))
    with gate:
        pass


def test_held_keeps_threads_out_and_other_processes_not(
    gate: WriterGate, tmp_path: Path
) -> None:
    other = WriterGate(tmp_path / "gate", PATIENCE_S, int)
    gate.hold()
    assert not passes(gate)
    assert passes(other)
    gate.let_go()
    gate.let_go()
    assert passes(gate)
    other.close()


def test_held_does_not_wait_for_a_process_that_stands(
    gate: WriterGate, tmp_path: Path
) -> None:
    with Child("gate_holder", tmp_path / "gate") as child:
        child.hear("inside")
        child.stop()
        gate.hold()
        gate.let_go()
        with pytest.raises(StoreStalledError), gate:
            pass


def test_the_kernel_opens_it_when_the_holder_dies(
    gate: WriterGate, tmp_path: Path
) -> None:
    with Child("gate_holder", tmp_path / "gate") as child:
        child.hear("inside")
        assert not passes(gate)
        child.kill()
        with gate:
            pass


def test_a_signal_handler_inside_is_refused(gate: WriterGate) -> None:
    refused = []

    def handler(*_: object) -> None:
        try:
            with gate:
                pass
        except GridCacheError as error:
            refused.append(error)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with gate:
            os.kill(os.getpid(), signal.SIGUSR1)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert len(refused) == 1
    assert passes(gate)
