"""Clone: a task like another, with another function.

By its slots, if they are those that are known here: its inputs need not be looked for
again, which takes most of the time that making a task does.
"""

from collections.abc import Callable
from typing import Any

from gridcache.dask.identity.nodes import Task

__all__ = ["with_function"]

_SLOTS = frozenset(
    {"key", "func", "args", "kwargs", "_dependencies", "_data_producer"}
    | {"_is_coro", "_token", "_repr"}
)
_KNOWN = frozenset(Task.get_all_slots()) == _SLOTS


def with_function(node: Task, func: Callable[..., Any]) -> Task:
    """The task with a function in place of its own."""
    return _by_slots(node, func) if _KNOWN else _by_call(node, func)


def _by_call(node: Task, func: Callable[..., Any]) -> Task:
    produces = node.data_producer
    return Task(node.key, func, *node.args, _data_producer=produces, **node.kwargs)


def _by_slots(node: Task, func: Callable[..., Any]) -> Task:
    made = Task.__new__(Task)
    made.key, made.func, made.args, made.kwargs = node.key, func, node.args, node.kwargs
    made._dependencies = node._dependencies
    made._data_producer = node._data_producer
    made._is_coro = made._token = made._repr = None
    return made
