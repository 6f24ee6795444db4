"""Which part of a value keeps it from being encoded.

Walks down containers, attributes and closures to the deepest part that fails by
itself. The effort is bounded; the answer may then be a part further up.
"""

import types
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from time import monotonic
from typing import Any

import numpy as np

from gridcache.codec.pickled import write_pickle
from gridcache.codec.writer import NeedsPickle, Writer

__all__ = ["part_at_fault"]

MAX_STEPS = 32
MAX_S = 1.0
MAX_PARTS = 10_000


def part_at_fault(value: Any, *, allow_pickle: bool) -> tuple[str, str]:
    """Return path and type of the part of `value` that cannot be encoded."""
    fails = _cannot_pickle if allow_pickle else _needs_pickle
    deadline = monotonic() + MAX_S
    path = "value"
    for _ in range(MAX_STEPS):
        for step, part in _parts(value):
            if monotonic() > deadline:
                return path, _name(type(value))
            if fails(part):
                path, value = path + step, part
                break
        else:
            break
    return path, _name(type(value))


def _name(kind: type) -> str:
    if kind.__module__ == "builtins":
        return kind.__qualname__
    return f"{kind.__module__}.{kind.__qualname__}"


def _needs_pickle(part: Any) -> bool:
    try:
        Writer().value(part)
    except (NeedsPickle, RecursionError):
        return True
    return False


def _cannot_pickle(part: Any) -> bool:
    try:
        write_pickle(Writer(), part)
    except Exception:  # noqa: BLE001 - whatever it is, this part fails
        return True
    return False


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    for count, part in enumerate(_all_parts(value)):
        if count >= MAX_PARTS:
            return
        yield part


def _all_parts(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, types.FunctionType):
        return _function_parts(value)
    if isinstance(value, np.ndarray):
        return _numbered(".flat[{}]", value.flat if value.dtype.hasobject else ())
    if type(value).__module__.partition(".")[0] in _TABLES:
        return _columns(value)
    items: Iterator[tuple[str, Any]] = iter(())
    if isinstance(value, Mapping):
        items = _entries(value)
    elif isinstance(value, (list, tuple)):
        items = _numbered("[{}]", value)
    elif isinstance(value, (set, frozenset)):
        items = ((f"{{{item!r}}}", item) for item in value)
    return chain(items, () if isinstance(value, type) else _attributes(value))


_TABLES = frozenset({"pandas", "polars", "pyarrow"})


def _numbered(pattern: str, items: Iterable[Any]) -> Iterator[tuple[str, Any]]:
    return ((pattern.format(index), item) for index, item in enumerate(items))


def _entries(value: Mapping[Any, Any]) -> Iterator[tuple[str, Any]]:
    for key, item in value.items():
        yield f"[{key!r}]", item
        yield f".keys()[{key!r}]", key


def _columns(table: Any) -> Iterator[tuple[str, Any]]:
    """Yield columns, or the objects of a column; nothing of a library's inside."""
    if hasattr(table, "columns") and hasattr(table, "items"):
        return ((f"[{name!r}]", column) for name, column in table.items())
    if hasattr(table, "iloc") and table.dtype == object:
        return _numbered(".iloc[{}]", table)
    return iter(())


def _attributes(value: Any) -> Iterator[tuple[str, Any]]:
    try:
        state = value.__getstate__()
    except Exception:  # noqa: BLE001 - the user's code; then there is no way down
        return
    for names in state if isinstance(state, tuple) else (state,):
        if isinstance(names, dict):
            yield from ((f".{name}", item) for name, item in names.items())


def _function_parts(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    code = function.__code__
    cells = function.__closure__ or ()
    for name, cell in zip(code.co_freevars, cells, strict=True):
        if cell != types.CellType():
            yield f".<closure {name}>", cell.cell_contents
    for name in code.co_names:
        if name in function.__globals__:
            yield f".<global {name}>", function.__globals__[name]
