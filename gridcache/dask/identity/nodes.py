"""Dask's names for the parts of a graph; most of them are not public."""

from collections.abc import Hashable

from dask._task_spec import (
    Alias,
    DataNode,
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
    "execute_subgraph",
    "is_future",
    "only_builds",
]

Key = Hashable

execute_subgraph = _execute_subgraph
"""The function of a fused task: called with an inner graph, the key of its result,
keys to be bound, and what they are bound to."""

_BUILDERS = frozenset(
    {NestedContainer.to_container, _identity_cast, dict, list, set, slice, tuple}
)


def only_builds(function: object) -> bool:
    """Tell whether a function builds a container of its arguments and no more."""
    try:
        return function in _BUILDERS
    except TypeError:
        return False


def is_future(kind: type) -> bool:
    """Tell whether values of a type stand for what a scheduler computes or holds."""
    return bool(getattr(kind, "__dask_future__", False))
