"""Fused tasks: a graph of tasks in one task, with the identity of what it computes.

The keys in there are bound to inputs of the outer task; what they are called, and in
what order Dask gives them (which is that of their hashes), does not count.

The tasks of a layer hold one and the same inner graph. It is compiled once to a row of
hashes, by the walk that otherwise makes the tokens; for each task of the layer that row
is run over the tokens of its inputs.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

from xxhash import xxh3_128_digest

from gridcache.dask.identity.common import Common
from gridcache.dask.identity.effects import Effect
from gridcache.dask.identity.nodes import GraphNode, Key, Task
from gridcache.dask.identity.tasks import Scope, Tasks

__all__ = ["Program", "Programs"]

Take = Callable[[list[bytes]], Iterable[bytes]]
"""Takes the tokens of some places."""


@dataclass(frozen=True, slots=True)
class Program:
    """What a fused task is, but for its inputs."""

    constants: tuple[bytes, ...]
    steps: tuple[tuple[bytes, Take], ...]
    """Heads, and the places of the arguments among inputs, constants and steps."""
    result: int
    """The place of the result."""
    impure: bool
    """There is a task in it that Dask calls impure."""
    effects: frozenset[Effect]
    """What tasks in it do."""

    def run(self, inputs: list[bytes]) -> bytes:
        """The token of the result."""
        places = [*inputs, *self.constants]
        add = places.append
        for head, take in self.steps:
            add(xxh3_128_digest(head + b"".join(take(places))))
        return places[self.result]


class Programs:
    """The programs of one graph."""

    __slots__ = ("_common", "_made", "_seen")

    def __init__(self, common: Common) -> None:
        self._common = common
        self._seen: set[int] = set()
        self._made: dict[Any, Program] = {}

    def of(self, node: Task) -> Program | None:
        """The program of a fused task; None if no other has held its graph yet.

        A program costs more than it saves where it runs once.
        """
        inner, result, bound, *inputs = node.args
        if id(inner) not in self._seen:
            self._seen.add(id(inner))
            return None
        # An input that is no reference makes its users tasks without inputs.
        mark = (id(inner), result, bound, *map(type, inputs))
        program = self._made.get(mark)
        if program is None:
            program = self._made[mark] = Compiler(self._common).compiled(node)
        return program


class _Place(NamedTuple):
    """Where a token will be."""

    kind: int
    number: int


_INPUT, _CONSTANT, _STEP = range(3)


class Compiler(Tasks):
    """Makes steps of what otherwise would be hashed at once."""

    __slots__ = ("_constants", "_effects", "_impure", "_steps")

    def __init__(self, common: Common) -> None:
        super().__init__(common)
        self._constants: list[bytes] = []
        self._steps: list[tuple[bytes, list[_Place], bool]] = []
        self._impure = False
        self._effects: set[Effect] = set()

    def compiled(self, node: Task) -> Program:
        """The program of a fused task of the graph itself, in which no key is bound."""
        inner, result, bound, *inputs = node.args
        names: Scope = {name: _Place(_INPUT, i) for i, name in enumerate(bound)}
        last = self._result(inner, result, names, self._plain(bound, inputs))
        return self._linked(last, len(bound))

    def met(self, key: Key, node: GraphNode) -> None:
        """Hear of a task in the graph, or in one in it."""
        self._impure = self._impure or self.common.is_impure(key, node)

    def acted(self, effect: Effect) -> None:
        """Hear of a task that acts."""
        self._effects.add(effect)

    def _linked(self, last: _Place, inputs: int) -> Program:
        first = (0, inputs, inputs + len(self._constants))

        def at(place: _Place) -> int:
            return first[place.kind] + place.number

        steps = tuple(
            (head, _take([at(place) for place in places], unordered=unordered))
            for head, places, unordered in self._steps
        )
        constants = tuple(self._constants)
        effects = frozenset(self._effects)
        return Program(constants, steps, at(last), self._impure, effects)

    # -- instead of hashing --------------------------------------------------

    def constant(self, token: bytes) -> _Place:
        """Give a known token a place."""
        self._constants.append(token)
        return _Place(_CONSTANT, len(self._constants) - 1)

    def combine(self, head: bytes, parts: Iterable[_Place]) -> _Place:
        """Add a step."""
        return self._step(head, parts, unordered=False)

    def combine_unordered(self, head: bytes, parts: Iterable[_Place]) -> _Place:
        """Add a step that sorts."""
        return self._step(head, parts, unordered=True)

    def _step(self, head: bytes, parts: Iterable[_Place], *, unordered: bool) -> _Place:
        self._steps.append((head, list(parts), unordered))
        return _Place(_STEP, len(self._steps) - 1)

    def value(self, value: Any, scope: Scope, key: Key) -> _Place:
        """The place of an argument that is no reference."""
        return self.constant(super().value(value, scope, key))

    def scalar(self, value: Any, scope: Scope, key: Key) -> _Place:
        """The place of a scalar."""
        return self.constant(super().scalar(value, scope, key))


def _take(places: Sequence[int], *, unordered: bool) -> Take:
    if not places:
        return _nothing
    if len(places) == 1:
        # Of one place itemgetter would give the token and not a row of one.
        return itemgetter(slice(places[0], places[0] + 1))
    take: Take = itemgetter(*places)
    if not unordered:
        return take
    return lambda tokens: sorted(take(tokens))


def _nothing(_: list[bytes]) -> Iterable[bytes]:
    return ()
