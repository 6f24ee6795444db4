"""Tasks: a token of the function, the arguments and the inputs of each.

A task is a call. Its token is the hash of a head (the function's token and the names of
the keyword arguments) and the tokens of the arguments in their order; an argument that
refers to another task has that task's token. Containers that Dask builds of references
are calls of their own; data are their value.

Not covered: the order of the tasks of a graph (`gridcache.dask.identity.order`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from xxhash import xxh3_128_digest

from gridcache.dask.identity.arguments import scalar
from gridcache.dask.identity.common import Common, Special
from gridcache.dask.identity.effects import Effect, effect_of
from gridcache.dask.identity.kept import kept_token
from gridcache.dask.identity.nodes import (
    Alias,
    DataNode,
    GraphNode,
    Key,
    Task,
    TaskRef,
    container_kind,
    is_future,
)
from gridcache.dask.identity.order import settle
from gridcache.digest.engine import SCALARS

__all__ = ["Scope", "Tasks"]

Token = Any
"""Bytes; while a fused graph is compiled, the place where they will be."""

Scope = dict[Key, Token]
"""The tokens of what a task may refer to."""

Fixed = Mapping[Key, Any]
"""By keys of an inner graph, the plain values that they are bound to."""

_NOT_PLAIN: Any = object()


_Form = Callable[[Any, Scope, Key], Token]


class Tasks:
    """Tokens of the parts of a graph; the order of the graph is the caller's."""

    __slots__ = ("_fixed", "_forms", "common")

    def __init__(self, common: Common) -> None:
        self.common = common
        self._forms: dict[type, _Form] = {}
        self._fixed: Fixed = {}

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
            return self.constant(self.common.not_here(key))
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

    def acted(self, effect: Effect) -> None:
        """Hear of a task that acts."""

    def fused(self, node: Task, scope: Scope, key: Key) -> Token:
        """The token of a task that holds a graph: that of its result.

        What the keys in there are called does not count, nor in what order they are
        bound: Dask orders them by their hashes.
        """
        inner, result, bound, *inputs = node.args
        if not bound:
            return self._result(inner, result, {}, {})
        pairs = zip(bound, inputs, strict=True)
        names = {name: self.token(part, scope, key) for name, part in pairs}
        return self._result(inner, result, names, self._plain(bound, inputs))

    def _result(
        self,
        inner: Mapping[Key, GraphNode],
        result: Key,
        names: Scope,
        fixed: Fixed,
    ) -> Token:
        def enter(key: Key, node: Any) -> None:
            names[key] = self.node(node, names, key)
            self.met(key, node)

        around, self._fixed = self._fixed, fixed
        settle(inner, [result], names, enter)
        self._fixed = around
        return names[result]

    def _plain(self, bound: Iterable[Key], inputs: Iterable[Any]) -> Fixed:
        values = {}
        for name, part in zip(bound, inputs, strict=True):
            value = self._plain_value(part)
            if value is not _NOT_PLAIN:
                values[name] = value
        return values

    def _plain_value(self, part: Any) -> Any:
        """What an argument is if it is no reference; its type tells but in a graph."""
        if isinstance(part, TaskRef):
            return self._fixed.get(part.key, _NOT_PLAIN)
        if isinstance(part, DataNode):
            return part.value
        is_reference = isinstance(part, GraphNode) or is_future(type(part))
        return _NOT_PLAIN if is_reference else part

    def _is_root(self, node: GraphNode) -> bool:
        needed = node.dependencies
        return not needed or (bool(self._fixed) and needed <= self._fixed.keys())

    def value(self, value: Any, _: Scope, key: Key) -> Token:
        """The token of an argument that is no reference."""
        return self.common.value(value, key)

    def scalar(self, value: Any, _: Scope, __: Key) -> Token:
        """The token of a scalar."""
        return scalar(value)

    # -- the forms -----------------------------------------------------------

    def _form_of(self, kind: type) -> _Form:
        forms: dict[type, _Form] = {
            TaskRef: _referred,
            Alias: _target,
            DataNode: self._data,
            Task: self._task,
        }
        nearest = [forms[base] for base in kind.__mro__ if base in forms]
        form = nearest[0] if nearest else self.value
        if kind in SCALARS:
            form = self.scalar
        elif not nearest and is_future(kind):
            form = self._future
        self._forms[kind] = form
        return form

    def _data(self, node: DataNode, scope: Scope, key: Key) -> Token:
        return self.value(node.value, scope, key)

    def _future(self, part: Any, _: Scope, key: Key) -> Token:
        return self.constant(self.common.not_here(part.key))

    def _task(self, node: Task, scope: Scope, key: Key) -> Token:
        special = self.common.special.get(id(node.func))
        if special is None:
            special = self.common.look(node.func)
        if special is not Special.NO:
            token = self._special(special, node, scope, key)
            if token is not None:
                return token
        own: Any = node.key
        if own is None:
            own = key
        make = self.token
        parts = [make(part, scope, own) for part in node.args]
        if node.kwargs:
            parts += [make(part, scope, own) for part in node.kwargs.values()]
        return self.combine(self._head(node, own), parts)

    def _head(self, node: Task, key: Key) -> bytes:
        head = self.common.head(node, key)
        if not self._is_root(node) or self.common.roots.is_local(node.func):
            return head
        # A task in a task has no name; that of the outer one may be of the user's code.
        name: Any = node.key
        if name is None:
            return head
        first = self._plain_value(node.args[0]) if node.args else None
        return self.common.root(node, key, first) + head

    def _special(self, special: Special, node: Task, scope: Scope, key: Key) -> Token:
        if special is Special.FUSED:
            return self.fused(node, scope, key)
        if special is Special.CONTAINER:
            return self._container(node, scope, key)
        if special is Special.SAME:
            return self._same(node.args[0], scope, key)
        if special is Special.ACTS:
            self.acted(effect_of(node.func))
            return None
        token = kept_token(node)
        return None if token is None else self.constant(token)

    def _same(self, part: Any, scope: Scope, key: Key) -> Token:
        name = getattr(part, "key", None)
        if isinstance(part, GraphNode) and name is not None:
            return self.node(part, scope, name)
        return self.token(part, scope, key)

    def _container(self, node: Task, scope: Scope, key: Key) -> Token:
        kind = container_kind(node)
        if not kind:
            return None
        head = b"container\0" + kind.encode() + b"\0"
        parts = [self.token(part, scope, key) for part in node.args]
        if kind == "set":
            return self.combine_unordered(head, parts)
        return self.combine(head, parts)


def _referred(part: TaskRef, scope: Scope, _: Key) -> Token:
    return scope[part.key]


def _target(part: Alias, scope: Scope, _: Key) -> Token:
    return scope[part.target]
