"""Identities of a whole graph."""

from collections.abc import Iterable, Mapping
from typing import Any

from gridcache.dask.identity.common import Common
from gridcache.dask.identity.effects import Effect
from gridcache.dask.identity.fused import Programs
from gridcache.dask.identity.nodes import Alias, GraphNode, Key, Task
from gridcache.dask.identity.order import settle
from gridcache.dask.identity.outcome import Identities
from gridcache.dask.identity.tasks import Scope, Tasks
from gridcache.digest.engine import leaf

__all__ = ["identities"]


def identities(
    graph: Mapping[Key, GraphNode],
    wanted: Iterable[Key] | None = None,
    *,
    salt: str = "",
    vouched: bool = False,
) -> Identities:
    """Say what each task of a graph computes.

    Parameters
    ----------
    graph
        Of tasks as Dask makes them, fused or not; nothing in it may change meanwhile.
    wanted
        Keys, with all that they need; None for the whole graph.
    salt
        A version of whatever the user knows and we do not; other salt, other digests
        of all but plain data.
    vouched
        The caller keeps what he computes apart by a name and a version of his own, and
        says by them what has no lasting identity. So that does not count, and is no
        doubt; instead the place of each wanted task among the wanted counts. Such
        digests mean something under that name alone.

    Raises
    ------
    ValueError
        A task depends on itself.
    """
    walk = _Walk(salt, vouched=vouched)
    asked = list(graph if wanted is None else wanted)
    settle(graph, asked, walk.tokens, walk.enter)
    if vouched and walk.common.doubts.sentences():
        walk.tell_apart(asked)
    return Identities(
        {key: token.hex() for key, token in walk.tokens.items()},
        frozenset(walk.impure),
        frozenset(walk.effects),
        () if vouched else walk.common.doubts.sentences(),
    )


class _Walk(Tasks):
    """Tokens of the tasks of a graph, inputs first."""

    __slots__ = ("_current", "_programs", "_spread", "effects", "impure", "tokens")

    def __init__(self, salt: str, *, vouched: bool) -> None:
        super().__init__(Common(salt, vouched=vouched))
        self._programs = Programs(self.common)
        self._current: Key = None
        self.tokens: dict[Key, bytes] = {}
        self.impure: set[Key] = set()
        self.effects: set[Key] = set()
        self._spread: set[Key] = set()
        """Of the tasks that act, those that make what waits for them act."""

    def enter(self, key: Key, node: Any) -> None:
        """Make the token of a task whose inputs have theirs."""
        self._current = key
        # Nearly all are plain tasks, and go the short way.
        make = self._task if type(node) is Task else self.node
        self.tokens[key] = make(node, self.tokens, key)
        self.met(key, node)
        if node is not None and (self.impure or self.effects):
            self._inherit(key, node)

    def tell_apart(self, keys: Iterable[Key]) -> None:
        """Let the place of a task count: what it is made of may not tell it from others.

        Two blocks that are made of Futures alone would be one, for instance.
        """
        for place, key in enumerate(dict.fromkeys(keys)):
            self.tokens[key] = leaf("place", self.tokens[key], place.to_bytes(8, "big"))

    def _inherit(self, key: Key, node: GraphNode) -> None:
        if not self.impure.isdisjoint(node.dependencies):
            self.impure.add(key)
        if not self._spread.isdisjoint(node.dependencies):
            self.acted(Effect.WRITES)
        if isinstance(node, Alias) and node.target in self.effects:
            self.effects.add(key)

    def met(self, key: Key, node: GraphNode) -> None:
        """What holds for a part holds for the whole."""
        if self.common.is_impure(key, node):
            self.impure.add(self._current)

    def acted(self, effect: Effect) -> None:
        """What acts in a part, acts in the whole."""
        self.effects.add(self._current)
        if effect is Effect.WRITES:
            self._spread.add(self._current)

    def fused(self, node: Task, scope: Scope, key: Key) -> bytes:
        """The token of the inner task that gives the result; soon by its program."""
        program = None if self._fixed else self._programs.of(node)
        if program is None:
            token: bytes = super().fused(node, scope, key)
            return token
        if program.impure:
            self.impure.add(self._current)
        for effect in program.effects:
            self.acted(effect)
        return program.run([self.token(part, scope, key) for part in node.args[3:]])
