"""Hooks: the names of distributed that recovery leans on, checked before use.

They are half private and may change with any release. Each is named here once, with
the parameters that are passed; nothing is patched unless all are as expected.
"""

import inspect
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

from distributed import Worker, worker_state_machine

__all__ = ["missing_hook", "unfit_worker"]

_EXECUTE = ("self", "key", "stimulus_id")
_GET_DATA = ("self", "comm", "keys", "who", "serializers")
_EVENTS = {
    "FreeKeysEvent": ("keys", "stimulus_id"),
    "RescheduleEvent": ("key", "stimulus_id"),
}
_METHODS = ("handle_stimulus",)
_ATTRIBUTES = (
    "data",
    "handlers",
    "state",
    "transfer_outgoing_count",
    "transfer_outgoing_count_limit",
)
_STATE = ("actors", "tasks", "validate")


def missing_hook() -> str | None:
    """Why the installed distributed cannot be hooked into; None if it can."""
    fault = _methods() or _events()
    if fault is None:
        return None
    return f"distributed {version('distributed')} {fault}"


def unfit_worker(worker: Any) -> str | None:
    """Why a worker's memory has nothing to recover; None if it has."""
    if absent := _attributes(worker):
        return f"distributed {version('distributed')} has no Worker.{absent}"
    if worker.state.validate:
        # It refuses a task that is ready while an input is lost, and ends the worker.
        return "this worker checks its own state (distributed.worker.validate)"
    data = worker.data
    if hasattr(data, "fast") and hasattr(data, "slow") and hasattr(data, "set_noevict"):
        return None
    kind = type(data).__name__
    return (
        f"this worker keeps its results in a {kind}, which does not spill: give it a "
        f"memory limit (--memory-limit) and distributed.worker.memory.target"
    )


def _methods() -> str | None:
    for name, wanted in (("execute", _EXECUTE), ("get_data", _GET_DATA)):
        if fault := _signature(f"Worker.{name}", getattr(Worker, name, None), wanted):
            return fault
    for name in _METHODS:
        if not callable(getattr(Worker, name, None)):
            return f"has no Worker.{name}"
    return None


def _events() -> str | None:
    for name, wanted in _EVENTS.items():
        event = getattr(worker_state_machine, name, None)
        if event is None:
            return f"has no worker_state_machine.{name}"
        taken = inspect.signature(event).parameters
        if not set(wanted) <= set(taken):
            return f"makes a {name} of {tuple(taken)}, not of {wanted}"
    return None


def _attributes(worker: Any) -> str | None:
    """The first that a worker does not have."""
    for name in _ATTRIBUTES:
        if not hasattr(worker, name):
            return name
    for name in _STATE:
        if not hasattr(worker.state, name):
            return f"state.{name}"
    return None if "get_data" in worker.handlers else "handlers['get_data']"


def _signature(
    name: str, method: Callable[..., Any] | None, wanted: tuple[str, ...]
) -> str | None:
    if method is None:
        return f"has no {name}"
    taken = tuple(inspect.signature(method).parameters)
    return None if taken == wanted else f"has {name}{taken}, not {wanted}"
