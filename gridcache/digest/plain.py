"""The builtin containers and buffers; the scalars are the engine's.

A container of nothing but scalars is hashed in one piece, which is a tenth of the
time; it has another tag, since its content is not tokens. Loops here are written
out: every frame between a container and its parts lowers the nesting that fits.
"""

import reprlib
from collections.abc import Iterable
from types import MappingProxyType, NotImplementedType
from typing import Any

from gridcache.digest.engine import HANDLERS, SCALARS, Digester, leaf, scalars

__all__ = ["bare"]


def bare(values: Iterable[object]) -> bool:
    """Tell whether there is nothing but scalars."""
    return SCALARS.issuperset(map(type, values))


def _bytes(_: Digester, value: bytes) -> bytes:
    return leaf("bytes", value)


def _bytearray(_: Digester, value: bytearray) -> bytes:
    return leaf("bytearray", value)


def _memoryview(d: Digester, value: memoryview) -> bytes:
    content = value if value.c_contiguous else value.tobytes()
    shape = scalars("shape", value.shape)
    return d.node("memoryview", [d.token(value.format), shape, leaf("bytes", content)])


def _list(d: Digester, value: list[Any]) -> bytes:
    if bare(value):
        return scalars("list of scalars", value)
    tokens = []
    for index, part in enumerate(value):
        tokens.append(d.part(part, f"[{index}]"))
    return d.node("list", tokens)


def _tuple(d: Digester, value: tuple[Any, ...]) -> bytes:
    if bare(value):
        return scalars("tuple of scalars", value)
    tokens = []
    for index, part in enumerate(value):
        tokens.append(d.part(part, f"[{index}]"))
    return d.node("tuple", tokens)


def _dict(d: Digester, value: dict[Any, Any]) -> bytes:
    if bare(value) and bare(value.values()):
        return scalars("dict of scalars", [*value, *value.values()])
    tokens = []
    for key, part in value.items():
        tokens.append(d.part(key, ".keys()"))
        tokens.append(d.part(part, f"[{_short(key)}]"))
    return d.node("dict", tokens)


def _set(d: Digester, value: set[Any]) -> bytes:
    return d.node("set", sorted(d.apart(part, ".pop()") for part in _ordered(d, value)))


def _frozenset(d: Digester, value: frozenset[Any]) -> bytes:
    tokens = sorted(d.apart(part, ".pop()") for part in _ordered(d, value))
    return d.node("frozenset", tokens)


def _ordered(d: Digester, value: Iterable[Any]) -> Iterable[Any]:
    """Give the elements in an order that is the same everywhere, as far as it counts.

    Code has a place in the order in which a survey meets it.
    """
    if d.survey is None:
        return value
    return sorted(value, key=lambda part: getattr(part, "__qualname__", ""))


def _range(_: Digester, value: range) -> bytes:
    return scalars("range", (value.start, value.stop, value.step))


def _slice(d: Digester, value: slice) -> bytes:
    return d.node("slice", map(d.token, (value.start, value.stop, value.step)))


def _mappingproxy(d: Digester, value: MappingProxyType[Any, Any]) -> bytes:
    return d.node("mappingproxy", [d.part(dict(value), "")])


def _not_implemented(_: Digester, value: NotImplementedType) -> bytes:
    return leaf("NotImplemented")


def _short(key: object) -> str:
    return reprlib.repr(key)


HANDLERS |= {
    bytes: _bytes,
    bytearray: _bytearray,
    memoryview: _memoryview,
    list: _list,
    tuple: _tuple,
    dict: _dict,
    set: _set,
    frozenset: _frozenset,
    range: _range,
    slice: _slice,
    MappingProxyType: _mappingproxy,
    NotImplementedType: _not_implemented,
}
