"""The order in which tasks are looked at: inputs first, without recursion."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from gridcache.dask.identity.nodes import Key

__all__ = ["settle"]


def settle(
    graph: Mapping[Key, Any],
    wanted: Iterable[Key],
    done: Mapping[Key, Any],
    enter: Callable[[Key, Any], None],
) -> None:
    """Enter the wanted tasks, and before each those that it depends on.

    Parameters
    ----------
    done
        What needs no more entering; `enter` must add to it. Called with None for a key
        that is not in the graph.

    Raises
    ------
    ValueError
        The tasks depend on each other in a circle.
    """
    opened = set()
    for one in wanted:
        stack = [one]
        while stack:
            key = stack[-1]
            if key in done:
                stack.pop()
                continue
            node = graph.get(key)
            # In C: most tasks are met after all their inputs.
            if node is None or node.dependencies <= done.keys():
                stack.pop()
                enter(key, node)
                continue
            if key in opened:
                message = f"the task {key!r} depends on itself"
                raise ValueError(message)
            opened.add(key)
            stack += [one for one in node.dependencies if one not in done]
