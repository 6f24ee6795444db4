"""Identities of a whole graph."""

from collections.abc import Iterable, Mapping
from typing import Any

from xxhash import xxh3_128_hexdigest

from gridcache.dask.identity.effects import acts
from gridcache.dask.identity.fused import fused
from gridcache.dask.identity.nodes import (
    Alias,
    DataNode,
    GraphNode,
    Key,
    Task,
    execute_subgraph,
)
from gridcache.dask.identity.order import settle
from gridcache.dask.identity.outcome import Identities
from gridcache.dask.identity.roots import has_uuid
from gridcache.dask.identity.tasks import Tasks

__all__ = ["FORMAT", "identities"]

FORMAT = "1"
"""Raised when the same task gets another identity than before."""


def identities(
    graph: Mapping[Key, GraphNode],
    wanted: Iterable[Key] | None = None,
    *,
    salt: str = "",
) -> Identities:
    """Say what each task of a graph computes.

    Parameters
    ----------
    graph
        Of tasks as Dask makes them, fused or not; nothing in it may change meanwhile.
    wanted
        Keys, with all that they need; None for the whole graph.
    salt
        A version of whatever the user knows and we do not; other salt, other digests.
    """
    walk = _Walk(graph)
    settle(graph, graph if wanted is None else wanted, walk.tokens, walk.enter)
    start = f"task {FORMAT} {salt}\0".encode()
    digests = {k: xxh3_128_hexdigest(start + t) for k, t in walk.tokens.items()}
    return Identities(
        digests,
        frozenset(walk.impure),
        frozenset(walk.effects),
        walk.tasks.doubts.sentences(),
    )


class _Walk:
    __slots__ = ("_acting", "effects", "graph", "impure", "tasks", "tokens")

    def __init__(self, graph: Mapping[Key, GraphNode]) -> None:
        self.graph = graph
        self.tasks = Tasks(fused)
        self.tokens: dict[Key, bytes] = {}
        self.impure: set[Key] = set()
        self.effects: set[Key] = set()
        self._acting: dict[int, bool] = {}

    def enter(self, key: Key, node: Any) -> None:
        """Make the token of a task whose inputs have theirs."""
        if node is None:
            self.tasks.doubts.not_here(key)
            self.tokens[key] = self.tasks.by_key(key)
            impure = has_uuid(key)
        else:
            self.tokens[key] = self.tasks.node(node, self.tokens, key)
            impure = _is_impure(key, node) or not self.impure.isdisjoint(
                node.dependencies
            )
        if impure:
            self.impure.add(key)
        if isinstance(node, Task) and self._acts(node):
            self.effects.add(key)

    def _acts(self, node: Task) -> bool:
        if node.func is execute_subgraph:
            return any(
                isinstance(t, Task) and self._acts(t) for t in node.args[0].values()
            )
        me = id(node.func)
        if me not in self._acting:
            self._acting[me] = acts(node.func)
        return self._acting[me]


def _is_impure(key: Key, node: GraphNode) -> bool:
    """Data are what they are; an alias is what its target is."""
    if isinstance(node, DataNode | Alias):
        return False
    if has_uuid(key):
        return True
    if isinstance(node, Task) and node.func is execute_subgraph:
        return any(_is_impure(k, inner) for k, inner in node.args[0].items())
    return False
