"""One task: a token of its function, its arguments and its inputs.

A task is a call. Its token is the hash of the function's token, the names of its keyword
arguments and the tokens of the arguments in their order; an argument that refers to
another task has that task's token. Containers that Dask builds of references are calls
of their own; data are their value.
"""

from collections.abc import Callable, Mapping
from typing import Any

from xxhash import xxh3_128_digest

from gridcache.dask.identity.arguments import Arguments
from gridcache.dask.identity.doubts import Doubts
from gridcache.dask.identity.nodes import (
    Alias,
    DataNode,
    Key,
    NestedContainer,
    Set,
    Task,
    TaskRef,
    execute_subgraph,
)
from gridcache.dask.identity.roots import calls_installed, has_uuid, name_of
from gridcache.digest.engine import FAMILIES, handler_of
from gridcache.digest.errors import Unkeyable
from gridcache.fingerprint.places import is_local

__all__ = ["Scope", "Tasks"]

Scope = Mapping[Key, bytes]
"""The tokens of what a task may refer to."""

Fused = Callable[["Tasks", Task, Scope, Key], bytes]


class Tasks:
    """Tokens of the tasks of one graph.

    Parameters
    ----------
    fused
        Makes the token of a task that holds a graph.
    """

    __slots__ = ("_arguments", "_forms", "_fused", "_installed", "doubts")

    def __init__(self, fused: Fused) -> None:
        self.doubts = Doubts()
        self._arguments = Arguments()
        self._fused = fused
        self._installed: dict[tuple[int, ...], bool] = {}
        self._forms: dict[type, Callable[[Any, Scope, Key], bytes]] = {}

    def token(self, part: Any, scope: Scope, key: Key) -> bytes:
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

    def _form_of(self, kind: type) -> Callable[[Any, Scope, Key], bytes]:
        found: Callable[[Any, Scope, Key], bytes] = self._value
        if issubclass(kind, TaskRef):
            found = _referred
        elif issubclass(kind, Alias):
            found = _target
        elif issubclass(kind, DataNode):
            found = self._data
        elif issubclass(kind, NestedContainer):
            found = self._container
        elif issubclass(kind, Task):
            found = self._task
        self._forms[kind] = found
        return found

    def _value(self, value: Any, _: Scope, key: Key) -> bytes:
        try:
            return self._arguments.token(value)
        except Unkeyable as refusal:
            self.doubts.without_identity(value, refusal, key)
            return self.by_key(key)

    def _data(self, node: DataNode, scope: Scope, key: Key) -> bytes:
        return self._value(node.value, scope, key)

    def _container(self, node: NestedContainer, scope: Scope, key: Key) -> bytes:
        kind = node.klass.__name__.encode()
        parts = [self.token(part, scope, key) for part in node.args]
        if isinstance(node, Set):
            parts.sort()
        return xxh3_128_digest(b"container\0" + kind + b"\0" + b"".join(parts))

    def _task(self, node: Task, scope: Scope, key: Key) -> bytes:
        if node.func is execute_subgraph:
            return self._fused(self, node, scope, key)
        own = key if node.key is None else node.key
        token = self.token
        parts = [token(part, scope, own) for part in node.args]
        if node.kwargs:
            parts.append(self._arguments.token(tuple(node.kwargs)))
            parts += [token(part, scope, own) for part in node.kwargs.values()]
        return self.call(node, parts, own, root=not node.dependencies)

    def call(self, node: Task, parts: list[bytes], key: Key, *, root: bool) -> bytes:
        """The token of a call, made of the tokens of its arguments.

        Parameters
        ----------
        root
            Whether it uses no other task.
        """
        parts.append(self._value(node.func, {}, key))
        if root and self._counts_by_name(node, key):
            return xxh3_128_digest(b"root\0" + self.by_name(key) + b"".join(parts))
        tag = b"call with names\0" if node.kwargs else b"call\0"
        return xxh3_128_digest(tag + b"".join(parts))

    def _counts_by_name(self, node: Task, key: Key) -> bool:
        if has_uuid(key):
            return False
        return calls_installed(node.func, node.args, node.kwargs)

    def by_key(self, key: Key) -> bytes:
        """What Dask calls a task, as a token."""
        return xxh3_128_digest(b"key\0" + repr(key).encode())

    def by_name(self, key: Key) -> bytes:
        """What Dask calls a layer, as a token."""
        return xxh3_128_digest(b"name\0" + repr(name_of(key)).encode())

    def node(self, node: Any, scope: Scope, key: Key) -> bytes:
        """The token of a node of a graph, which stands under a key."""
        if isinstance(node, DataNode) and _may_be_outside(type(node.value)):
            token = self._value(node.value, scope, key)
            if not has_uuid(key):
                return xxh3_128_digest(b"named data\0" + self.by_name(key) + token)
            return token
        return self.token(node, scope, key)


def _referred(part: TaskRef, scope: Scope, _: Key) -> bytes:
    return scope[part.key]


def _target(part: Alias, scope: Scope, _: Key) -> bytes:
    return scope[part.target]


def _may_be_outside(kind: type) -> bool:
    """Tell whether values of a type may stand for data elsewhere.

    Dask's names then say more; for plain data and the user's own classes they do not.
    """
    return handler_of(kind) is FAMILIES[object] and not is_local(kind.__module__, None)
