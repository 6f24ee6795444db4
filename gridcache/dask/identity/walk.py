"""Identities of a whole graph."""

from collections.abc import Iterable, Mapping
from typing import Any

from xxhash import xxh3_128_hexdigest

from gridcache.dask.identity.fused import Programs
from gridcache.dask.identity.nodes import GraphNode, Key, Task
from gridcache.dask.identity.order import settle
from gridcache.dask.identity.outcome import Identities
from gridcache.dask.identity.tasks import Common, Scope, Tasks

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

    Raises
    ------
    ValueError
        A task depends on itself.
    """
    walk = _Walk()
    settle(graph, graph if wanted is None else wanted, walk.tokens, walk.enter)
    start = f"task {FORMAT} {salt}\0".encode()
    return Identities(
        {key: xxh3_128_hexdigest(start + t) for key, t in walk.tokens.items()},
        frozenset(walk.impure),
        frozenset(walk.effects),
        walk.common.doubts.sentences(),
    )


class _Walk(Tasks):
    """Tokens of the tasks of a graph, inputs first."""

    __slots__ = ("_current", "_programs", "effects", "impure", "tokens")

    def __init__(self) -> None:
        super().__init__(Common())
        self._programs = Programs(self.common)
        self._current: Key = None
        self.tokens: dict[Key, bytes] = {}
        self.impure: set[Key] = set()
        self.effects: set[Key] = set()

    def enter(self, key: Key, node: Any) -> None:
        """Make the token of a task whose inputs have theirs."""
        self._current = key
        self.tokens[key] = self.node(node, self.tokens, key)
        self.met(key, node)
        if node and self.impure and not self.impure.isdisjoint(node.dependencies):
            self.impure.add(key)

    def met(self, key: Key, node: GraphNode) -> None:
        """What holds for a part holds for the whole."""
        if self.common.is_impure(key, node):
            self.impure.add(self._current)
        if self.common.acts(node):
            self.effects.add(self._current)

    def fused(self, node: Task, scope: Scope, key: Key) -> bytes:
        """The token of a task that holds a graph; soon by its program."""
        program = None if self._fixed else self._programs.of(node)
        if program is None:
            token: bytes = super().fused(node, scope, key)
            return token
        if program.impure:
            self.impure.add(self._current)
        if program.acts:
            self.effects.add(self._current)
        return program.run([self.token(part, scope, key) for part in node.args[3:]])
