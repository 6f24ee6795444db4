"""An interruption at any line of the single flight leaves nothing behind."""

from __future__ import annotations

import gc
import sys
import threading
from contextvars import copy_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gridcache.flight
from gridcache.flight import ABSENT
from gridcache.flight.attempt import Attempt, Go
from gridcache.store import flights, lead
from gridcache.store.records import entry_key

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    from tests.flight.conftest import Calls

_TRACED = {
    *map(str, Path(gridcache.flight.__file__).parent.glob("*.py")),
    flights.__file__,
    lead.__file__,
}


class _Interrupter:
    """Raises at the nth line that this thread runs in the traced files."""

    def __init__(self, line: int) -> None:
        self._left = line
        self.raised = False

    def __call__(self, frame: FrameType, event: str, _: Any) -> Any:
        if frame.f_code.co_filename not in _TRACED:
            return None
        if event == "line":
            self._left -= 1
            if self._left == 0:
                self.raised = True
                raise KeyboardInterrupt
        return self


def _interrupted(line: int, call: Callable[[str], object]) -> bool:
    """Run `call` interrupted at a line; False if it has fewer lines."""
    interrupter = _Interrupter(line)
    before = sys.gettrace()
    sys.settrace(interrupter)
    try:
        call(f"k{line}")
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return interrupter.raised


def _interrupt_everywhere(calls: Calls, call: Callable[[str], object]) -> int:
    line = 0
    while True:
        line += 1
        raised = _interrupted(line, call)
        calls.store.tidy()
        if calls.records():
            gc.collect()
            calls.store.tidy()
        assert calls.records() == 0, f"left by an interruption at line {line}"
        assert calls.get(f"k{line}", lambda: "v") == "v"
        if not raised:
            return line


def test_of_a_leader(calls: Calls) -> None:
    lines = _interrupt_everywhere(calls, lambda key: calls.get(key, lambda: "v"))
    assert lines > 50


def test_of_a_leader_whose_value_is_not_stored(calls: Calls) -> None:
    def call(key: str) -> None:
        calls.get(key, lambda: "v", store=False)

    assert _interrupt_everywhere(calls, call) > 50


def test_of_a_waiter_inside_a_flight(
    calls: Calls, waiting: threading.Semaphore
) -> None:
    """The leader it waits for ends as soon as it waits, or was never met."""

    def call(key: str) -> None:
        begun, go = threading.Event(), threading.Event()

        def compute() -> str:
            begun.set()
            while not (waiting.acquire(timeout=0.01) or go.is_set()):
                pass
            return "v"

        leader = threading.Thread(target=calls.get, args=(f"inner {key}", compute))
        trace = sys.gettrace()
        sys.settrace(None)
        leader.start()
        assert begun.wait(30.0)
        sys.settrace(trace)
        try:
            calls.get(key, lambda: calls.get(f"inner {key}", lambda: "other"))
        finally:
            sys.settrace(None)
            go.set()
            leader.join()
            assert calls.find(f"inner {key}") is not ABSENT

    assert _interrupt_everywhere(calls, call) > 100


def test_a_context_that_outlives_its_call_holds_no_flight(calls: Calls) -> None:
    attempt = Attempt(calls.store.flights, entry_key(calls.space.id, "k"), 1.0)
    go = attempt.step()
    assert isinstance(go, Go)
    with attempt.computing(go):
        context = copy_context()
    del attempt, go
    calls.store.tidy()
    assert calls.records() == 0
    assert context.run(calls.get, "k", lambda: "v") == "v"
    assert calls.find("k") == "v"


def test_who_registers_after_the_end_is_woken_at_once() -> None:
    ended, woken = lead.Lead(b"k", b"", None), threading.Event()
    ended.finish()
    ended.on_finish(woken.set)
    assert woken.is_set()
