"""What is known of the functions, arguments and names of one graph.

Each is looked at once. The graph keeps all of them alive, so their ids are their own.
"""

from enum import Enum
from typing import Any

from xxhash import xxh3_128_digest

from gridcache.dask.identity.arguments import Arguments
from gridcache.dask.identity.doubts import Doubts
from gridcache.dask.identity.effects import Effect, effect_of
from gridcache.dask.identity.kept import reads_kept
from gridcache.dask.identity.nodes import (
    Alias,
    DataNode,
    GraphNode,
    Key,
    Task,
    builds_container,
    execute_subgraph,
    gives_the_same,
)
from gridcache.dask.identity.outside import files_of
from gridcache.dask.identity.roots import Roots, has_uuid
from gridcache.digest.errors import Unkeyable

__all__ = ["FORMAT", "Common", "Special"]

FORMAT = "1"
"""Raised when the same task gets another identity than before."""


class Special(Enum):
    """Tasks that are not a call of their function."""

    NO = 0
    FUSED = 1
    """It holds a graph."""
    CONTAINER = 2
    """It is a list, tuple, set or dict of references."""
    KEPT = 3
    """It reads what was kept."""
    SAME = 4
    """It gives what it gets."""
    ACTS = 5
    """It is a call, and has an effect."""


class Common:
    """Functions, arguments, names and doubts, as all tasks of a graph need them.

    Parameters
    ----------
    salt
        Counts in every call.
    vouched
        Keys do not count, see `identities`.
    """

    __slots__ = (
        "_call",
        "_heads",
        "_vouched",
        "arguments",
        "doubts",
        "roots",
        "special",
    )

    def __init__(self, salt: str, *, vouched: bool) -> None:
        self.arguments = Arguments()
        self.doubts = Doubts()
        self.roots = Roots()
        self._call = xxh3_128_digest(f"call {FORMAT} {salt}".encode())
        self._heads: dict[Any, bytes] = {}
        self._vouched = vouched
        self.special: dict[int, Special] = {}
        """By id of a function, what `look` has found."""

    def value(self, value: Any, key: Key) -> bytes:
        """The token of a value in the task with this key."""
        try:
            return self.arguments.of(value)
        except Unkeyable as refusal:
            self.doubts.without_identity(value, refusal, key)
            return self.by_key(key)

    def not_here(self, key: Key) -> bytes:
        """The token of what is not in the graph: a Future."""
        self.doubts.not_here(key)
        return self.by_key(key)

    def by_key(self, key: Key) -> bytes:
        """What Dask calls a task, as a token."""
        if self._vouched:
            return xxh3_128_digest(self._call + b"vouched\0")
        return xxh3_128_digest(self._call + b"key\0" + repr(key).encode())

    def head(self, node: Task, key: Key) -> bytes:
        """A call without its arguments: the function, and the names of arguments."""
        mark: Any = id(node.func)
        if node.kwargs:
            mark = (mark, *node.kwargs)
        return self._heads.get(mark) or self._new_head(node, key, mark)

    def _new_head(self, node: Task, key: Key, mark: Any) -> bytes:
        names = self.arguments.token(tuple(node.kwargs))
        try:
            function = self.arguments.of(node.func)
        except Unkeyable as refusal:
            self.doubts.without_identity(node.func, refusal, key)
            return self._call + self.by_key(key) + names
        head = self._heads[mark] = self._call + function + names
        return head

    def look(self, function: Any) -> Special:
        """Tell whether tasks with this function are not what they seem."""
        found = self.special[id(function)] = _special(function)
        return found

    def root(self, node: Task, key: Key, first: object) -> bytes:
        """What a task without inputs is besides its call; b"" for most.

        The versions of the files that it reads; if they cannot be seen, Dask's name,
        which has them. Not if it acts: the buffers of a shuffle are new each time.

        Parameters
        ----------
        first
            Its first argument, which may be the function that it hands a call on to.
        """
        if self.special.get(id(node.func)) is Special.ACTS:
            return b""
        if not self.roots.names_call(node, key, first):
            return b""
        files = files_of(node.func, node.args)
        if files:
            return b"files\0" + self.arguments.token(files)
        if self.arguments.looked((node.func, *node.args, *node.kwargs.values())):
            return b""
        return b"root\0" + self.roots.token(key)

    @staticmethod
    def is_impure(key: Key, node: GraphNode) -> bool:
        """Tell whether Dask calls a task impure.

        Data are what they are, and an alias is what its target is.
        """
        return has_uuid(key) and not isinstance(node, DataNode | Alias)


def _special(function: Any) -> Special:
    if function is execute_subgraph:
        return Special.FUSED
    if builds_container(function):
        return Special.CONTAINER
    if gives_the_same(function):
        return Special.SAME
    if reads_kept(function):
        return Special.KEPT
    return Special.NO if effect_of(function) is Effect.NONE else Special.ACTS
