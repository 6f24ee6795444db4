"""Notes on data: what can be compared by identity, and what must be digested again.

Lists, dicts and plain instances are noted with the objects in them, each of which is
noted in turn; immutable objects need no note. The rest (arrays, sets, frames, objects
that pickle themselves) is opaque. So is a value with more parts than a comparison is
worth.
"""

import logging
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import cached_property, partial
from operator import attrgetter
from pathlib import PurePath
from re import Pattern
from types import (
    BuiltinFunctionType,
    CodeType,
    FunctionType,
    MemberDescriptorType,
    MethodType,
    ModuleType,
    NotImplementedType,
)
from typing import Any, NamedTuple
from uuid import UUID

from gridcache.digest.engine import FAMILIES, SCALARS, handler_of
from gridcache.fingerprint.places import is_wrapper

__all__ = ["DictNote", "ListNote", "Notes", "OpaqueNote"]

MOST_PARTS = 1000
"""Of one value; beyond, digesting it again is as fast as comparing its parts."""

_SAME_WHILE_IDENTICAL = (
    *(bytes, range, date, datetime, time, timedelta, timezone, NotImplementedType),
    *(Decimal, Enum, Fraction, Pattern, PurePath, UUID, CodeType, logging.Logger),
    # Code, which is noted where its handlers meet it:
    *(BuiltinFunctionType, FunctionType, ModuleType, type, MemberDescriptorType),
    *(property, staticmethod, classmethod, cached_property),
)


class ListNote(NamedTuple):
    """A list, and what was in it."""

    now: list[Any]
    was: tuple[Any, ...]
    label: str


class DictNote(NamedTuple):
    """A dict, or the attributes of a class or an instance, and what was in it."""

    now: Any
    keys: tuple[Any, ...]
    values: tuple[Any, ...]
    label: str


class OpaqueNote(NamedTuple):
    """An object, and its digest; "" as long as it has not been made."""

    now: Any
    was: str
    label: str


class Notes:
    """Notes on the data that code reaches; each names the root it belongs to."""

    __slots__ = ("dicts", "lists", "opaque")

    def __init__(self) -> None:
        self.lists: list[ListNote] = []
        self.dicts: list[DictNote] = []
        self.opaque: list[OpaqueNote] = []

    def add(self, root: Any, label: str, *, made_once: bool = False) -> None:
        """Note a value and all that is in it.

        Parameters
        ----------
        made_once
            It is part of a class or a decorator: objects that pickle themselves are
            not digested again, for there they are what libraries make of the code.
        """
        made = Notes()
        if not made._walk(root, label):
            made = Notes()
            made.opaque.append(OpaqueNote(root, "", label))
        self.lists += made.lists
        self.dicts += made.dicts
        self.opaque += [
            note for note in made.opaque if not made_once or _is_data(type(note.now))
        ]

    def attributes(self, owner: Any, label: str) -> tuple[Any, ...]:
        """Note the items of a dict-like object alone; give the parts."""
        keys, values = tuple(owner), tuple(owner.values())
        self.dicts.append(DictNote(owner, keys, values, label))
        return (*keys, *values)

    def _walk(self, root: Any, label: str) -> bool:
        known: dict[int, object] = {}
        waiting = [root]
        while waiting and len(known) + len(waiting) <= MOST_PARTS:
            part = waiting.pop()
            if id(part) not in known:
                known[id(part)] = part
                waiting += self._note(part, label)
        return not waiting

    def _note(self, value: Any, label: str) -> tuple[Any, ...]:
        parts = _fixed_parts(value)
        if parts is not None:
            return parts
        if type(value) is list:
            parts = tuple(value)
            self.lists.append(ListNote(value, parts, label))
            return parts
        if type(value) is dict:
            return self.attributes(value, label)
        if _is_plain(type(value)):
            return self.attributes(vars(value), label)
        self.opaque.append(OpaqueNote(value, "", label))
        return ()


def _fixed_parts(value: Any) -> tuple[Any, ...] | None:
    """Give the parts of a value that always has the same; None for one that may not."""
    if type(value) in SCALARS or isinstance(value, _SAME_WHILE_IDENTICAL):
        return ()
    if type(value) is tuple:
        return value
    match value:
        case MethodType():
            return (value.__self__,)
        case partial() if type(value) is partial:
            return (value.func, value.args, value.keywords)
    return (value.__wrapped__,) if is_wrapper(value) else None


def _is_data(kind: type) -> bool:
    return handler_of(kind) is not FAMILIES[object]


class _Plain:
    """Instances have attributes and nothing else."""


_LAYOUT = attrgetter("__basicsize__", "__itemsize__", "__dictoffset__")
_PICKLING = attrgetter("__reduce_ex__", "__reduce__", "__getstate__")


def _is_plain(kind: type) -> bool:
    return (
        _LAYOUT(kind) == _LAYOUT(_Plain)
        and _PICKLING(kind) == _PICKLING(_Plain)
        and not hasattr(kind, "__gridcache_key__")
    )
