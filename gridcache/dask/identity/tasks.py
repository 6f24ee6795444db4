"""Tasks: a token of the function, the arguments and the inputs of each.

A task is a call. Its token is the hash of a head (the function's token and the names of
the keyword arguments) and the tokens of the arguments in their order; an argument that
refers to another task has that task's token. Containers that Dask builds of references
are calls of their own; data are their value.

Not covered: the order of the tasks of a graph (`gridcache.dask.identity.order`).
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from xxhash import xxh3_128_digest

from gridcache.dask.identity.arguments import Arguments
from gridcache.dask.identity.doubts import Doubts
from gridcache.dask.identity.effects import Effect, effect_of
from gridcache.dask.identity.nodes import (
    Alias,
    DataNode,
    GraphNode,
    Key,
    NestedContainer,
    Task,
    TaskRef,
    execute_subgraph,
    is_future,
)
from gridcache.dask.identity.order import settle
from gridcache.dask.identity.roots import Roots, has_uuid
from gridcache.digest.errors import Unkeyable

__all__ = ["Common", "Scope", "Tasks"]

Token = Any
"""Bytes; while a fused graph is compiled, the place where they will be."""

Scope = dict[Key, Token]
"""The tokens of what a task may refer to."""


_Form = Callable[[Any, Scope, Key], Token]


class Common:
    """What is known of the functions, arguments and names of one graph.

    The graph keeps all of them alive, so their ids are their own.
    """

    __slots__ = ("_effects", "arguments", "doubts", "heads", "roots")

    def __init__(self) -> None:
        self.arguments = Arguments()
        self.doubts = Doubts()
        self.roots = Roots()
        self.heads: dict[Any, bytes] = {}
        """By id of a function, and the names of its keyword arguments if any."""
        self._effects: dict[int, Effect] = {}

    def effect(self, node: GraphNode) -> Effect:
        """What a task does; one that holds a graph has to be looked into."""
        if not isinstance(node, Task):
            return Effect.NONE
        me = id(node.func)
        found = self._effects.get(me)
        if found is None:
            found = self._effects[me] = effect_of(node.func)
        return found

    def is_named(self, node: Task, key: Key) -> bool:
        """Tell whether Dask's name of a task without inputs counts.

        Not if it acts: the buffers of a shuffle have a new name each time.
        """
        is_pure = self.effect(node) is Effect.NONE
        return is_pure and self.roots.names_call(node, key)

    @staticmethod
    def is_impure(key: Key, node: GraphNode) -> bool:
        """Tell whether Dask calls a task impure.

        Data are what they are, and an alias is what its target is.
        """
        return has_uuid(key) and not isinstance(node, DataNode | Alias)


class Tasks:
    """Tokens of the parts of a graph; the order of the graph is the caller's."""

    __slots__ = ("_fixed", "_forms", "common")

    def __init__(self, common: Common) -> None:
        self.common = common
        self._forms: dict[type, _Form] = {}
        self._fixed: Collection[Key] = ()
        """Keys of the graph under way that are bound to plain arguments."""

    def token(self, part: Any, scope: Scope, key: Key) -> Token:
        """The token of a task, of an argument of one, or of data.

        Parameters
        ----------
        scope
            Has all that the part refers to.
        key
            Of the task that the part is or is in.
        """
        form = self._forms.get(type(part)) or self._form_of(type(part))
        return form(part, scope, key)

    def node(self, node: Any, scope: Scope, key: Key) -> Token:
        """The token of what stands under a key, None if nothing does."""
        if node is None:
            self.common.doubts.not_here(key)
            return self.constant(_by_key(key))
        if type(node) is DataNode and self.common.roots.names_data(node.value, key):
            name = self.common.roots.token(key)
            return self.combine(b"named data\0" + name, [self.token(node, scope, key)])
        return self.token(node, scope, key)

    # -- what a compiler does otherwise --------------------------------------

    def constant(self, token: bytes) -> Token:
        """Use a token that is known."""
        return token

    def combine(self, head: bytes, parts: Iterable[Token]) -> Token:
        """The token of a call, made of those of its arguments."""
        return xxh3_128_digest(head + b"".join(parts))

    def combine_unordered(self, head: bytes, parts: Iterable[Token]) -> Token:
        """The token of a set."""
        return xxh3_128_digest(head + b"".join(sorted(parts)))

    def met(self, key: Key, node: GraphNode) -> None:
        """Hear of a task in a task that holds a graph."""

    def fused(self, node: Task, scope: Scope, key: Key) -> Token:
        """The token of a task that holds a graph: that of its result.

        What the keys in there are called does not count, nor in what order they are
        bound: Dask orders them by their hashes.
        """
        inner, result, bound, *inputs = node.args
        pairs = zip(bound, inputs, strict=True)
        names = {name: self.token(part, scope, key) for name, part in pairs}
        return self._result(inner, result, names, self._plain(bound, inputs))

    def _result(
        self,
        inner: Mapping[Key, GraphNode],
        result: Key,
        names: Scope,
        fixed: Collection[Key],
    ) -> Token:
        def enter(key: Key, node: Any) -> None:
            names[key] = self.node(node, names, key)
            self.met(key, node)

        around, self._fixed = self._fixed, fixed
        settle(inner, [result], names, enter)
        self._fixed = around
        return names[result]

    def _plain(self, bound: Iterable[Key], inputs: Iterable[Any]) -> Collection[Key]:
        pairs = zip(bound, inputs, strict=True)
        return {name for name, part in pairs if self._is_plain(part)}

    def _is_plain(self, part: Any) -> bool:
        """Tell whether an argument is a value, by its type but for references."""
        if isinstance(part, TaskRef):
            return part.key in self._fixed
        if isinstance(part, GraphNode):
            return isinstance(part, DataNode)
        return not is_future(type(part))

    def _is_root(self, node: GraphNode) -> bool:
        return all(key in self._fixed for key in node.dependencies)

    def value(self, value: Any, _: Scope, key: Key) -> Token:
        """The token of an argument that is no reference."""
        try:
            return self.common.arguments.token(value)
        except Unkeyable as refusal:
            self.common.doubts.without_identity(value, refusal, key)
            return _by_key(key)

    # -- the forms -----------------------------------------------------------

    def _form_of(self, kind: type) -> _Form:
        forms: dict[type, _Form] = {
            TaskRef: _referred,
            Alias: _target,
            DataNode: self._data,
            NestedContainer: self._container,
            Task: self._task,
        }
        nearest = [forms[base] for base in kind.__mro__ if base in forms]
        form = nearest[0] if nearest else self.value
        if not nearest and is_future(kind):
            form = self._future
        self._forms[kind] = form
        return form

    def _data(self, node: DataNode, scope: Scope, key: Key) -> Token:
        return self.value(node.value, scope, key)

    def _future(self, part: Any, _: Scope, key: Key) -> Token:
        self.common.doubts.not_here(part.key)
        return self.constant(_by_key(part.key))

    def _container(self, node: NestedContainer, scope: Scope, key: Key) -> Token:
        kind = node.klass.__name__
        head = b"container\0" + kind.encode() + b"\0"
        parts = [self.token(part, scope, key) for part in node.args]
        if kind == "set":
            return self.combine_unordered(head, parts)
        return self.combine(head, parts)

    def _task(self, node: Task, scope: Scope, key: Key) -> Token:
        if node.func is execute_subgraph:
            return self.fused(node, scope, key)
        own: Any = node.key
        if own is None:
            own = key
        token = self.token
        parts = [token(part, scope, own) for part in node.args]
        if node.kwargs:
            parts += [token(part, scope, own) for part in node.kwargs.values()]
        return self.combine(self._head(node, own), parts)

    def _head(self, node: Task, key: Key) -> bytes:
        mark: Any = id(node.func)
        if node.kwargs:
            mark = (mark, *node.kwargs)
        head = self.common.heads.get(mark) or self._new_head(node, key, mark)
        if self._is_root(node) and self.common.is_named(node, key):
            return b"root\0" + self.common.roots.token(key) + head
        return head

    def _new_head(self, node: Task, key: Key, mark: Any) -> bytes:
        names = self.common.arguments.token(tuple(node.kwargs))
        try:
            function = self.common.arguments.token(node.func)
        except Unkeyable as refusal:
            self.common.doubts.without_identity(node.func, refusal, key)
            return b"call\0" + _by_key(key) + names
        head = self.common.heads[mark] = b"call\0" + function + names
        return head


def _referred(part: TaskRef, scope: Scope, _: Key) -> Token:
    return scope[part.key]


def _target(part: Alias, scope: Scope, _: Key) -> Token:
    return scope[part.target]


def _by_key(key: Key) -> bytes:
    return xxh3_128_digest(b"key\0" + repr(key).encode())
