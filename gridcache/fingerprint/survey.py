"""The survey: what one fingerprint rests on, noted while it is made.

A fingerprint holds as long as everything noted here is what it was. The handlers note
functions, classes and namespaces; for data that code reaches the survey looks into
what can be compared by identity, and keeps the rest to be digested again.

Not covered: how the notes are compared later (`gridcache.fingerprint.checks`).
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from functools import partial
from operator import attrgetter
from pathlib import PurePath
from re import Pattern
from types import (
    BuiltinFunctionType,
    CellType,
    CodeType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any
from uuid import UUID

from gridcache.digest.engine import SCALARS
from gridcache.digest.objects import wraps

__all__ = ["MISSING", "Survey"]

MISSING: Any = object()
"""Stands for a name that leads nowhere."""

LARGEST_SNAPSHOT = 1000
"""Items; beyond, digesting a container again is as fast as comparing its items."""

_SAME_WHILE_IDENTICAL = (
    *(bytes, range, date, datetime, time, timedelta, timezone),
    *(Decimal, Enum, Fraction, Pattern, PurePath, UUID, CodeType),
    *(BuiltinFunctionType, FunctionType, ModuleType, type),
)
"""Immutable, or noted by their own handlers."""


class Survey:
    """Notes of one pass.

    Parameters
    ----------
    home
        The top-level package whose code counts by content wherever it lies.
    ignored
        Names of globals that do not count.
    """

    __slots__ = (
        "cells",
        "dicts",
        "functions",
        "home",
        "ignored",
        "lists",
        "opaque",
        "seen",
        "spaces",
    )

    home: str | None
    ignored: frozenset[str]
    functions: list[FunctionType]
    spaces: dict[int, tuple[dict[str, Any], dict[str, Any]]]
    """By id of a namespace: it, and what each name read from it was."""
    cells: list[tuple[CellType, Any]]
    lists: list[tuple[list[Any], tuple[Any, ...]]]
    dicts: list[tuple[Any, tuple[Any, ...], tuple[Any, ...]]]
    """A dict or the attributes of a class or an instance; its keys; its values."""
    opaque: list[Any]
    """To be digested again at each check."""
    seen: set[str]
    """Names of globals met, ignored ones included."""

    def __init__(self, home: str | None, ignored: frozenset[str]) -> None:
        self.home = home
        self.ignored = ignored
        self.functions = []
        self.spaces = {}
        self.cells = []
        self.lists = []
        self.dicts = []
        self.opaque = []
        self.seen = set()

    def read(self, space: dict[str, Any], name: str) -> Any:
        """Look a name up and note what it leads to, MISSING included."""
        value = space.get(name, MISSING)
        self.spaces.setdefault(id(space), (space, {}))[1][name] = value
        return value

    def open_cell(self, cell: CellType) -> Any:
        """Look into a cell of a closure and note what is there."""
        value = contents(cell)
        self.cells.append((cell, value))
        return value

    def attributes_of(self, kind: type) -> Iterator[tuple[str, Any]]:
        """Give the own attributes of a class by name, and note them."""
        self._note_dict(vars(kind))
        yield from sorted(vars(kind).items())

    def data(self, value: Any) -> None:
        """Note data that code reaches."""
        known: dict[int, object] = {}
        waiting = [value]
        while waiting:
            part = waiting.pop()
            if id(part) not in known:
                known[id(part)] = part
                waiting += self._note(part)

    def _note(self, value: Any) -> tuple[Any, ...]:
        """Note one value; give its parts, which are to be noted too."""
        parts = _fixed_parts(value)
        if parts is not None:
            return parts
        if type(value) is list and len(value) <= LARGEST_SNAPSHOT:
            self.lists.append((value, tuple(value)))
            return tuple(value)
        if type(value) is dict and len(value) <= LARGEST_SNAPSHOT:
            return self._note_dict(value)
        if _is_plain(type(value)):
            return self._note_dict(vars(value))
        self.opaque.append(value)
        return ()

    def _note_dict(self, value: Any) -> tuple[Any, ...]:
        keys, values = tuple(value), tuple(value.values())
        self.dicts.append((value, keys, values))
        return (*keys, *values)


def contents(cell: CellType) -> Any:
    """Look into a cell, which may be empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING


def _fixed_parts(value: Any) -> tuple[Any, ...] | None:
    """Give the parts of a value that always has the same; None for one that may not."""
    if type(value) in SCALARS or isinstance(value, _SAME_WHILE_IDENTICAL):
        return ()
    match value:
        case tuple() if type(value) is tuple:
            return value
        case MethodType():
            return (value.__self__,)
        case partial() if type(value) is partial:
            return (value.func, value.args, value.keywords)
    return (value.__wrapped__,) if wraps(value) else None


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
