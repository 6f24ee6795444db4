"""Ctrl-C anywhere in the store: an exception raised where a signal's can be.

The interpreter looks at signals when a function begins, after a call and when a
loop turns; a handler that raises does so there. Between a `with` and its body, or
at the head of an `except`, it looks at none.
"""

import dis
import inspect
import os
import signal
import sys
import traceback
from collections.abc import Callable
from functools import cache
from itertools import pairwise
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

import gridcache.store

__all__ = ["interrupted_after", "interrupted_at", "killed_at"]

_STORE = str(Path(next(iter(gridcache.store.__path__))))
_SWALLOWED = {"__del__", "end", "unpin"}
"""Finalisers: Python ignores what is raised in them, signal or not."""
_DESCRIPTORS = {"_try_lock", "alive", "claim", "open_private", "open"}
"""An interrupt between opening a file and noting it loses a descriptor, no more."""
_LOOKS = ("CALL", "RESUME", "JUMP_BACKWARD")


def interrupted_at(point: int, work: Callable[[], object]) -> bool:
    """Run `work` and raise KeyboardInterrupt at the n-th such point in the store.

    Returns
    -------
    bool
        False if the work ended before.
    """
    try:
        _run_until(point, work, _interrupt)
    except KeyboardInterrupt:
        return True
    return False


def killed_at(point: int, work: Callable[[], object]) -> bool:
    """Run `work` in a forked child and kill that at the n-th such point.

    Returns
    -------
    bool
        False if the work ended before.
    """
    pid = os.fork()
    if not pid:
        try:
            _run_until(point, work, _die)
        except BaseException:  # noqa: BLE001 - told here: it must not go on in the fork
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(pid, 0)
    assert status in {0, signal.SIGKILL}, f"failed at {point}"
    return status != 0


def _interrupt() -> None:
    raise KeyboardInterrupt


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _run_until(point: int, work: Callable[[], object], act: Callable[[], None]) -> None:
    left, last = point, dict[FrameType, int]()

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal left
        if not _is_ours(frame.f_code):
            return None
        frame.f_trace_opcodes = True
        if event == "return":
            last.pop(frame, None)
        elif event == "opcode":
            step = (last.get(frame, -1), frame.f_lasti)
            last[frame] = frame.f_lasti
            left -= step in _points(frame.f_code)
            if not left:
                left = -1
                act()
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
        last.clear()


@cache
def _is_ours(code: CodeType) -> bool:
    if code.co_flags & inspect.CO_GENERATOR:
        return False  # an exception while one is closed is ignored, too
    if code.co_name in _SWALLOWED | _DESCRIPTORS:
        return False
    return code.co_filename.startswith(_STORE)


@cache
def _points(code: CodeType) -> set[tuple[int, int]]:
    """Pairs of instructions between which the interpreter looks at signals.

    Only those that one handler covers: the exception belongs to the first.
    """
    steps = list(dis.get_instructions(code))
    offsets = [step.offset for step in steps]
    following = dict(pairwise(offsets))
    found = set()
    for step in steps:
        if not step.opname.startswith(_LOOKS):
            continue
        jump = step.opname.startswith("JUMP")
        after = step.argval if jump else following.get(step.offset, -1)
        if _handler(code, step.offset) == _handler(code, after):
            found.add((step.offset, after))
    return found


def _handler(code: CodeType, offset: int) -> int:
    for entry in dis._parse_exception_table(code):  # type: ignore[attr-defined]
        if entry.start <= offset < entry.end:
            return int(entry.target)
    return -1


def interrupted_after(delay_s: float, work: Callable[[], object]) -> bool:
    """Run `work` and raise KeyboardInterrupt from a real signal's handler.

    Returns
    -------
    bool
        False if the work ended before.
    """
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, delay_s)
        work()
        signal.setitimer(signal.ITIMER_REAL, 0)
    except KeyboardInterrupt:
        return True
    finally:  # the alarm has rung, or never will
        signal.signal(signal.SIGALRM, before)
    return False
