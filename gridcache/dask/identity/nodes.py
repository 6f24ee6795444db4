"""Dask's names for the parts of a graph; most of them are not public."""

from collections.abc import Hashable
from typing import Any

from dask._task_spec import (
    Alias,
    DataNode,
    Dict,
    GraphNode,
    NestedContainer,
    Task,
    TaskRef,
    _execute_subgraph,
    _identity_cast,
)

__all__ = [
    "Alias",
    "DataNode",
    "GraphNode",
    "Key",
    "NestedContainer",
    "Task",
    "TaskRef",
    "builds_container",
    "container_kind",
    "execute_subgraph",
    "gives_the_same",
    "is_future",
    "only_builds",
    "unwrapped",
]

Key = Hashable

execute_subgraph = _execute_subgraph
"""The function of a fused task: called with an inner graph, the key of its result,
keys to be bound, and what they are bound to."""

_BUILDERS = frozenset(
    {NestedContainer.to_container, _identity_cast, dict, list, set, slice, tuple}
)
_KINDS: dict[object, str] = {
    **{kind: kind.__name__ for kind in (list, set, tuple)},
    Dict.constructor: "dict",
}


def only_builds(function: object) -> bool:
    """Tell whether a function builds a container of its arguments and no more."""
    try:
        return function in _BUILDERS
    except TypeError:
        return False


def builds_container(function: object) -> bool:
    """Tell whether a task with this function is a container of references."""
    return function is NestedContainer.to_container or function is _identity_cast


def unwrapped(function: Any) -> Any:
    """The function that a partial, a method or a like object calls in the end."""
    for _ in range(_MOST_WRAPPERS):
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        if inner is None:
            break
        function = inner
    return function


_MOST_WRAPPERS = 8
"""An object may answer to every name."""


def gives_the_same(function: object) -> bool:
    """Tell whether a function gives its argument: Dask wraps tasks so to rename them."""
    name = getattr(function, "__qualname__", "")
    return f"{getattr(function, '__module__', '')}.{name}" == _SAME


_SAME = "dask._expr.ProhibitReuse._identity"


def container_kind(node: Task) -> str:
    """What such a task builds: "list", "set", "tuple", "dict"; "" if none of these."""
    kind = node.kwargs.get("typ") or node.kwargs.get("constructor")
    return _KINDS.get(kind, "") if isinstance(kind, Hashable) else ""


def is_future(kind: type) -> bool:
    """Tell whether values of a type stand for what a scheduler computes or holds."""
    return bool(getattr(kind, "__dask_future__", False))
