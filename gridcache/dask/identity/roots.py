"""Tasks without inputs: whose code they call, and what their name in the graph says.

Dask names a task that reads by what it reads: for a file that is its path, its size and
its time. Such a name is the only trace of them. But a name also depends on how Dask
tokenizes the user's functions, which changes with the folder of a script or the number
of a kernel; so it counts for installed code alone.
"""

import re
from typing import Any

from gridcache.dask.identity.nodes import Key, only_builds
from gridcache.fingerprint.places import is_local, is_local_code

__all__ = ["calls_installed", "has_uuid", "name_of"]

UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-")
DASHES = 4
"""At least that many are in a name with a uuid."""

_BLOCK_OF_FUSED = re.compile(r"(_\.\d+)+$")
"""What Dask appends to the names in a fused layer: which index is which."""

MOST_WRAPPERS = 8


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


def calls_installed(function: Any, args: tuple[Any, ...], kwargs: Any) -> bool:
    """Tell whether a task calls the code of an installed package, and no local code.

    Looks through what only hands on a call: partials, and functions of Dask that get
    the function as their first argument or as ``func=``.
    """
    if only_builds(function):
        return False
    called = [function, *args[:1], kwargs.get("_func"), kwargs.get("func")]
    return not any(map(_is_local, called))


def _is_local(function: Any) -> bool:
    for _ in range(MOST_WRAPPERS):
        inner = getattr(function, "func", None) or getattr(function, "__func__", None)
        if inner is None:
            break
        function = inner
    if not callable(function):
        return False
    code = getattr(function, "__code__", None)
    if code is not None:
        return is_local_code(code, str(function.__module__), None)
    named = function if hasattr(function, "__qualname__") else type(function)
    return is_local(str(named.__module__), None)
