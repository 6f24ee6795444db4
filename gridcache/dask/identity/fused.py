"""Fused tasks: a graph of tasks in one task, with the identity of what it computes.

The keys in there are bound to inputs of the outer task; what they are called, and in
what order Dask gives them (which is that of their hashes), does not count.
"""

from typing import Any

from gridcache.dask.identity.nodes import Key, Task
from gridcache.dask.identity.order import settle
from gridcache.dask.identity.tasks import Scope, Tasks

__all__ = ["fused"]


def fused(tasks: Tasks, node: Task, scope: Scope, key: Key) -> bytes:
    """The token of the inner task that gives the result."""
    inner, result, bound, *inputs = node.args
    within: dict[Any, bytes] = {
        name: tasks.token(part, scope, key)
        for name, part in zip(bound, inputs, strict=True)
    }

    def enter(inner_key: Key, inner_node: Any) -> None:
        within[inner_key] = tasks.node(inner_node, within, inner_key)

    settle(inner, [result], within, enter)
    return within[result]
