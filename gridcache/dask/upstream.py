"""Upstream: what each partition is computed from, and which of it is its own.

A partition whose upstream is its own and narrow can be computed in one task, which
looks for the result when it runs. With a wide one (a reduction) that task would do
alone what many could do at once; and what several partitions share (a shuffle) each
would compute again. There the upstream stays in the graph, and one task looks whether
anything of it is needed: if not, the others give None.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from dask.local import get_sync

from gridcache.dask.graph import Graph, Key, Plan, data, is_data, prefixed

__all__ = ["Recipe", "guarded", "recipes", "unless"]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Computes one partition, in the task that needs it."""

    graph: Graph
    key: Key
    inputs: tuple[Key, ...]
    """Data that others use as well: given when it is called, and not held here."""

    def __call__(self, *values: Any) -> Any:
        """Compute it, in this thread."""
        given = {k: data(k, v) for k, v in zip(self.inputs, values, strict=True)}
        return get_sync(self.graph | given, self.key)

    @property
    def narrow(self) -> bool:
        """True if its tasks could not run at the same time anyway."""
        computed = {key for key, node in self.graph.items() if not is_data(node)}
        return all(
            len(computed & node.dependencies) <= 1 for node in self.graph.values()
        )

    def __gridcache_key__(self) -> Any:
        # The text that it goes with says what it computes.
        return "recipe"


def recipes(plan: Plan) -> dict[Key, Recipe]:
    """How to compute the partitions that share no computed input with another one."""
    owners, shared, entangled = _shares(plan)
    own: dict[Key, Graph] = {}
    for key, owner in owners.items():
        if key not in shared and owner not in entangled:
            own.setdefault(owner, {})[key] = plan.graph[key]
    return {
        key: Recipe(graph, key, _inputs(graph, shared))
        for key, graph in own.items()
        if key in graph
    }


def unless(
    looked: object, function: Callable[..., Any], /, *args: Any, **more: Any
) -> Any:
    """Call a function unless what is made of its result was found."""
    return None if looked else function(*args, **more)


def guarded(graph: Graph, look: str) -> Graph:
    """The same tasks, which do nothing if that of `look` gives True.

    Under keys of their own, each a pair of `look` and the key before: who computes the
    original beside it gets the original.
    """
    return prefixed(graph, look, unless, look)


def _shares(plan: Plan) -> tuple[dict[Key, Key], set[Key], set[Key]]:
    """The first partition above each task, data of several, and what shares more."""
    owners: dict[Key, Key] = {}
    shared, entangled = set[Key](), set[Key]()
    for key in dict.fromkeys(plan.keys):
        waiting = [key]
        while waiting:
            one = waiting.pop()
            node = plan.graph.get(one)
            owner = owners.setdefault(one, key)
            if node is None:  # a Future: only its scheduler knows it
                entangled |= {owner, key}
            elif owner == key:
                below = node.dependencies
                waiting.extend(dep for dep in below if owners.get(dep) != key)
            elif is_data(node):
                shared.add(one)
            else:
                entangled |= {owner, key}
    return owners, shared, entangled


def _inputs(graph: Graph, shared: Collection[Key]) -> tuple[Key, ...]:
    needed = (key for node in graph.values() for key in node.dependencies)
    return tuple(dict.fromkeys(key for key in needed if key in shared))
