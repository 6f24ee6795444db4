"""Objects of all other types, by what they say of themselves.

First `__gridcache_key__()`, then what the object would pickle, part by part. The state
of an instance counts by attribute names, in whatever order they were set, and without
the results of `functools.cached_property`, which follow from the rest.

Refused: iterators, which a first call would use up; `object()`, which is nothing but
its identity; what cannot be pickled (files, sockets, locks, threads).
"""

import copyreg
import sys
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property
from typing import Any

from gridcache.digest.engine import FAMILIES, Digester, leaf, scalars
from gridcache.digest.errors import Unkeyable

__all__ = ["attributes", "by_protocol"]

PROTOCOL = 4
"""Of pickle; 5 differs in out-of-band buffers alone, and they need no pickling here."""


def by_protocol(d: Digester, value: Any) -> bytes:
    """Token of any object; the handler of last resort."""
    kind = type(value)
    if hasattr(kind, "__gridcache_key__"):
        key = d.part(value.__gridcache_key__(), ".__gridcache_key__()")
        return d.node("own key", [d.token(kind), key])
    if isinstance(value, Iterator):
        raise Unkeyable(value, "is used up by reading it")
    if kind is object:
        raise Unkeyable(value, "is nothing but its identity")
    return by_pickling(d, value)


def by_pickling(d: Digester, value: Any) -> bytes:
    """Token of what pickle would write; the parts are hashed, not pickled."""
    reduced = _reduce(value)
    if isinstance(reduced, str):
        return _by_name(value, reduced)
    # make, arguments, state, items, pairs, state setter; None where not given.
    make, arguments, state, items, pairs, setter = (*reduced, *[None] * 4)[:6]
    return d.node(
        "object",
        [
            d.token(make),
            *_arguments(d, arguments),
            d.node("state", _state(d, state, type(value))),
            d.node("items", _items(d, items)),
            d.node("pairs", _items(d, pairs)),
            d.token(setter),
        ],
    )


def _by_name(value: object, name: str) -> bytes:
    module = str(getattr(value, "__module__", None))
    found: Any = sys.modules.get(module)
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is not value:
        raise Unkeyable(value, f"is not {module}.{name}, as it says")
    return leaf("global", module.encode(), name.encode())


def _reduce(value: Any) -> Any:
    try:
        reducer = copyreg.dispatch_table.get(type(value))
        return reducer(value) if reducer else value.__reduce_ex__(PROTOCOL)
    except Exception as error:  # noqa: BLE001 - the user's code; the cause is told
        raise Unkeyable(value, f"cannot be pickled ({error})") from None


def _arguments(d: Digester, arguments: tuple[Any, ...]) -> Iterable[bytes]:
    yield scalars("count", len(arguments))
    for part in arguments:
        yield d.part(part, "")


def _items(d: Digester, items: Iterable[Any] | None) -> Iterable[bytes]:
    for index, part in enumerate(items or ()):
        yield d.part(part, f"[{index}]")


def _state(d: Digester, state: Any, kind: type) -> Iterable[bytes]:
    match state:
        case dict():
            yield attributes(d, state, kind)
        case (dict() | None as plain, dict() as slots):
            yield attributes(d, plain or {}, kind)
            yield attributes(d, slots, kind)
        case _:
            yield d.part(state, ".__getstate__()")


def attributes(d: Digester, state: dict[Any, Any], kind: type) -> bytes:
    """Token of the attributes of an instance of `kind`; their order does not count."""
    if not all(type(name) is str for name in state):
        return d.part(state, ".__getstate__()")
    names = sorted(name for name in state if not _is_derived(kind, name))
    tokens = (d.part(state[name], f".{name}") for name in names)
    return d.node("attributes", [d.token(names), *tokens])


def _is_derived(kind: type, name: str) -> bool:
    return isinstance(getattr(kind, name, None), cached_property)


def _enum(d: Digester, value: Enum) -> bytes:
    kind = d.token(type(value))
    return d.node("enum", [kind, d.token(value.name), d.part(value.value, ".value")])


FAMILIES |= {object: by_protocol, Enum: _enum}
