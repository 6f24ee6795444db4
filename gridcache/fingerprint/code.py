"""Code objects: what they do, and what they reach beyond themselves.

The token of code is made of its instructions with the constants they load. Line
numbers, file names, comments and docstrings are not in it: no instruction loads them.

A reach is a global name with the attributes read from it at once, as in
``helpers.clean(x)``, or a name imported inside the function. What is found at run
time alone (``getattr`` with a computed name, ``eval``, ``globals()``) is not seen.
"""

import dis
from collections.abc import Iterator
from dataclasses import dataclass
from types import CodeType

from gridcache.digest.engine import Digester, leaf, scalars

__all__ = ["Import", "Reach", "code_token", "reaches"]

HAS_DOCSTRING = 0x4000000
"""A flag of code since Python 3.14."""

_CONSTANT = frozenset(dis.hasconst)
_NAME = frozenset({"LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS"})
_ATTRIBUTE = frozenset({"LOAD_ATTR", "LOAD_METHOD"})
_NUMBER = frozenset({"LOAD_SMALL_INT"})
_SKIPPED = frozenset({"EXTENDED_ARG", "CACHE", "PUSH_NULL"})


@dataclass(frozen=True, slots=True)
class Reach:
    """A global name and the attributes read from it, outermost first."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Import:
    """A module imported inside the code."""

    module: str
    level: int
    """Of a relative import, 0 of an absolute one."""
    names: tuple[str, ...]
    """What is taken from it; empty if the module itself is."""


def code_token(d: Digester, code: CodeType) -> bytes:
    """Token of what a piece of code does, code nested in it included."""
    steps: list[int] = []
    constants: list[bytes] = []
    for step in dis.get_instructions(code):
        if step.opcode in _CONSTANT:
            steps += (step.opcode, -1)
            constants.append(d.part(step.argval, ""))
        elif step.opname not in _SKIPPED:
            steps += (step.opcode, -1 if step.arg is None else step.arg)
    handlers = leaf("exception table", code.co_exceptiontable)
    head = [_names_token(d, code), scalars("steps", steps), handlers]
    return d.node("code", [*head, *constants])


def _names_token(d: Digester, code: CodeType) -> bytes:
    counts = (code.co_argcount, code.co_posonlyargcount, code.co_kwonlyargcount)
    names = (code.co_names, code.co_varnames, code.co_cellvars, code.co_freevars)
    return d.token((code.co_name, code.co_flags & ~HAS_DOCSTRING, counts, *names))


def reaches(code: CodeType) -> Iterator[Reach | Import]:
    """Give what the code reaches, in the order of its instructions, nested code last."""
    names: list[str] = []
    numbers: list[object] = []
    for step in dis.get_instructions(code):
        if step.opname in _ATTRIBUTE and names:
            names.append(step.argval)
            continue
        if names:
            yield Reach(tuple(names))
            names = []
        if step.opname in _NAME:
            names = [step.argval]
        elif step.opname == "IMPORT_NAME":
            yield _import(step.argval, numbers)
        elif step.opcode in _CONSTANT or step.opname in _NUMBER:
            numbers.append(step.argval)
    yield from _nested(code)


def _import(module: str, loaded: list[object]) -> Import:
    """Read an import; the last two constants are its level and what it takes."""
    level, names = loaded[-2:]
    return Import(
        module,
        level if isinstance(level, int) else 0,
        names if isinstance(names, tuple) else (),
    )


def _nested(code: CodeType) -> Iterator[Reach | Import]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from reaches(constant)
