"""Classes, the descriptors in them, and modules as a whole."""

from collections.abc import Iterator
from functools import cached_property
from types import ModuleType
from typing import Any

from gridcache.digest.engine import Digester, leaf
from gridcache.digest.errors import type_name
from gridcache.fingerprint.functions import installed
from gridcache.fingerprint.known import known_token
from gridcache.fingerprint.places import found_by_name, is_local
from gridcache.fingerprint.reached import lenient
from gridcache.fingerprint.survey import Survey

__all__ = ["cached", "class_", "descriptor", "module", "property_", "wrapped"]

PYTHON_MADE = 1 << 9
"""The flag of types made at run time (Py_TPFLAGS_HEAPTYPE)."""

NOT_CODE = frozenset(
    {
        *("__dict__", "__weakref__", "__doc__", "__module__", "__qualname__"),
        *("__firstlineno__", "__static_attributes__", "__abstractmethods__"),
        *("_abc_impl", "__dataclass_fields__", "__dataclass_params__"),
    }
)
"""Attributes of a class that follow from others or say nothing of what it does."""


def class_(d: Digester, value: type) -> bytes:
    """Token of a class: its name, and if it is local its bases and attributes."""
    survey: Survey | None = d.survey
    if survey is None:
        return known_token(value)
    place, qualname = str(value.__module__), value.__qualname__
    if not is_local(place, survey.home) and (
        not value.__flags__ & PYTHON_MADE or found_by_name(value, place, qualname)
    ):
        return installed(place, qualname)
    return survey.place(value, _content)


def _content(d: Digester, survey: Survey, value: type) -> Iterator[bytes]:
    yield leaf("class", value.__module__.encode(), value.__qualname__.encode())
    yield d.token(type(value))
    yield d.token(value.__bases__)
    for name, attribute in survey.attributes_of(value):
        if name not in NOT_CODE:
            yield leaf("attribute", name.encode())
            yield lenient(d, survey, attribute, value.__qualname__)


def module(d: Digester, value: ModuleType) -> bytes:
    """Token of a module: its name, and if it is local all that is in it."""
    survey: Survey | None = d.survey
    if survey is None:
        return known_token(value)
    if not is_local(value.__name__, survey.home):
        return installed(value.__name__, "")
    return survey.place(value, _members)


def _members(d: Digester, survey: Survey, value: ModuleType) -> Iterator[bytes]:
    for name in sorted(vars(value)):
        if not name.startswith("__"):
            yield leaf("member", name.encode())
            yield lenient(d, survey, survey.read(vars(value), name), name)


def wrapped(d: Digester, value: Any) -> bytes:
    """Token of a static or class method."""
    return d.node(type(value).__name__, [d.token(value.__func__)])


def property_(d: Digester, value: property) -> bytes:
    """Token of a property."""
    return d.node("property", map(d.token, (value.fget, value.fset, value.fdel)))


def cached(d: Digester, value: cached_property[Any]) -> bytes:
    """Token of a cached property."""
    return d.node("cached property", [d.token(value.func)])


def descriptor(_: Digester, value: Any) -> bytes:
    """Token of an attribute of a class written in C, or of a slot."""
    owner = type_name(value.__objclass__)
    return leaf(type(value).__name__, owner.encode(), value.__name__.encode())
