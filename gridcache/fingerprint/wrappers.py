"""Objects that decorators of installed packages put in a function's place.

Such a wrapper (`functools.lru_cache`, `cachetools.cached`, `grid_cache`) is its type,
the function in it, and its settings. What it keeps between calls does not count: its
cache is there. Wrappers made by local code are objects like any other.
"""

from collections.abc import Iterator, MutableMapping, MutableSequence, MutableSet
from functools import WRAPPER_ASSIGNMENTS
from typing import Any

from gridcache.digest.engine import Digester, leaf
from gridcache.digest.errors import Unkeyable
from gridcache.digest.objects import by_protocol
from gridcache.fingerprint.places import is_wrapper
from gridcache.fingerprint.reached import by_type

__all__ = ["any_object", "is_kept_state"]

_MUTABLE = (MutableMapping, MutableSequence, MutableSet)
_NOT_SETTINGS = frozenset({*WRAPPER_ASSIGNMENTS, "__wrapped__"})


def any_object(d: Digester, value: Any) -> bytes:
    """Token of an object without a handler of its own."""
    if is_wrapper(value) and not hasattr(type(value), "__gridcache_key__"):
        return d.node("wrapper", _parts(d, value))
    return by_protocol(d, value)


def is_kept_state(value: object) -> bool:
    """Tell whether something inside a decorator is kept from call to call.

    Tables of functions are not, as in `functools.singledispatch`.
    """
    is_table = type(value) is dict and all(map(callable, value.values()))
    return isinstance(value, _MUTABLE) and not (is_table and value)


def _parts(d: Digester, value: Any) -> Iterator[bytes]:
    yield d.token(type(value))
    yield d.part(value.__wrapped__, ".__wrapped__")
    for name, setting in sorted(vars(value).items()):
        if name not in _NOT_SETTINGS:
            yield leaf("setting", name.encode())
            yield _setting(d, setting)


def _setting(d: Digester, value: Any) -> bytes:
    if is_kept_state(value):
        return by_type(value)
    try:
        return d.token(value)
    except Unkeyable:
        return by_type(value)
