"""Tasks without inputs: whose code they call, and what their name in the graph says.

Dask names a task that reads by what it reads: for a file that is its path, its size and
its time. Such a name is the only trace of them. But a name also depends on how Dask
tokenizes the user's functions, which changes with the folder of a script or the number
of a kernel; so it counts for installed code alone. A name with a uuid says nothing.
"""

import re
import sys
from types import FunctionType
from typing import Any

from xxhash import xxh3_128_digest

from gridcache.dask.identity.nodes import Key, Task, only_builds, unwrapped
from gridcache.dask.identity.outside import stands_for_data
from gridcache.digest.engine import FAMILIES, SCALARS, handler_of
from gridcache.fingerprint.places import is_local, is_local_code, top_package

__all__ = ["Roots", "has_uuid", "name_of"]

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-")
DASHES = 4
"""At least that many are in a name with a uuid."""

_BLOCK_OF_FUSED = re.compile(r"(_\.\d+)+$")
"""What Dask appends to the names in a fused layer: which index is which."""

_HANDED = ("_func", "func")


def name_of(key: Key) -> Key:
    """What a key shares with the other keys of its layer: not the block's numbers."""
    name = key[0] if isinstance(key, tuple) and key else key
    return _BLOCK_OF_FUSED.sub("", name) if isinstance(name, str) else name


def has_uuid(key: Key) -> bool:
    """Tell whether Dask named a task so that it never meets another one."""
    name = key[0] if type(key) is tuple and key else key
    if type(name) is not str:
        name = str(key)
    return name.count("-") >= DASHES and UUID4.search(name) is not None


class Roots:
    """What the names of one graph count for."""

    __slots__ = ("_local", "_outside", "_tokens")

    def __init__(self) -> None:
        self._local: dict[int, bool] = {}
        self._outside: dict[type, bool] = {}
        self._tokens: dict[Key, bytes] = {}

    def token(self, key: Key) -> bytes:
        """What a key says of a layer."""
        name = key[0] if type(key) is tuple and key else key
        found = self._tokens.get(name)
        if found is None:
            found = xxh3_128_digest(b"name\0" + repr(name_of(name)).encode())
            self._tokens[name] = found
        return found

    def names_call(self, node: Task, key: Key, first: object) -> bool:
        """Tell whether the name of a task without inputs counts.

        Looks through what only hands on a call: partials, and functions of Dask that
        get the user's as their first argument or under one of two names.
        """
        if self.is_local(node.func) or only_builds(node.func):
            return False
        handed = [first] if callable(first) else []
        handed += [node.kwargs[name] for name in _HANDED if name in node.kwargs]
        return not any(map(self.is_local, handed)) and not has_uuid(key)

    def names_data(self, value: object, key: Key) -> bool:
        """Tell whether the name of data counts: they may stand for data elsewhere.

        Plain data and objects of the user's classes do not.
        """
        kind = type(value)
        found = self._outside.get(kind)
        if found is None:
            found = self._outside[kind] = _is_of_a_package(kind)
        return found and not has_uuid(key)

    def is_local(self, function: Any) -> bool:
        """Tell whether a function is the user's code, which a name says nothing of."""
        # The graph keeps the function alive, so its id is its own.
        found = self._local.get(id(function))
        if found is None:
            found = self._local[id(function)] = _runs_local_code(function)
        return found


def _is_of_a_package(kind: type) -> bool:
    """Tell whether a type is one that neither we, nor Python, nor the user know."""
    if kind in SCALARS or stands_for_data(kind) or hasattr(kind, "__gridcache_key__"):
        return False
    if handler_of(kind) is not FAMILIES[object]:
        return False
    is_python = top_package(kind.__module__) in sys.stdlib_module_names
    return not is_python and not is_local(kind.__module__, None)


def _runs_local_code(function: Any) -> bool:
    function = unwrapped(function)
    if isinstance(function, FunctionType):
        return is_local_code(function.__code__, str(function.__module__), None)
    named = function if hasattr(function, "__module__") else type(function)
    return is_local(str(named.__module__), None)
