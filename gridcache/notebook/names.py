"""Names that a piece of a cell reads and binds, as the compiler sees them.

Asked of the compiled code, not of the tree: comprehensions, lambdas, walrus and
`global` then count exactly as they run. The order of statements is `flow`'s affair.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from dis import get_instructions
from types import CodeType

__all__ = ["Names", "names_of"]

_READS = frozenset({"LOAD_NAME", "LOAD_GLOBAL", "LOAD_FROM_DICT_OR_GLOBALS"})
_BINDS = frozenset({"STORE_NAME", "STORE_GLOBAL"})
_UNBINDS = frozenset({"DELETE_NAME", "DELETE_GLOBAL"})


@dataclass(frozen=True, slots=True)
class Names:
    """Of one statement or expression at the top level of a cell."""

    reads: tuple[str, ...]
    """Read when it runs; in order."""
    later: tuple[str, ...]
    """Read by functions it defines, when they are called."""
    binds: tuple[str, ...]
    unbinds: tuple[str, ...]
    global_binds: tuple[str, ...]
    """Bound by functions it defines, through `global`."""


def names_of(node: ast.stmt | ast.expr) -> Names:
    """Names of a statement, or of an expression."""
    statement = node if isinstance(node, ast.stmt) else ast.Expr(node)
    module = ast.Module([ast.copy_location(statement, node)], [])
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    code: CodeType = compile(module, "<cell>", "exec", flags, dont_inherit=True)
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return _of_definition(code, now=[code], own=node.name)
    if isinstance(node, ast.ClassDef):
        return _of_definition(code, now=[code, *_codes(code)], own=node.name)
    # A lambda or generator may run at any moment: take it as running at once.
    return _of_definition(code, now=list(_nested(code)), own="")


def _of_definition(code: CodeType, now: list[CodeType], own: str) -> Names:
    later = [inner for inner in _nested(code) if inner not in now]
    return Names(
        reads=_without(own, _reads(now, code)),
        later=_without(own, _reads(later, code)),
        binds=tuple(_named(code, _BINDS)),
        unbinds=tuple(_named(code, _UNBINDS)),
        global_binds=tuple(
            name
            for inner in _nested(code)
            if inner is not code
            for name in _named(inner, {"STORE_GLOBAL"})
        ),
    )


def _reads(codes: list[CodeType], top: CodeType) -> Iterator[str]:
    for code in codes:
        # A class body reads its own names before those of the cell.
        own = set() if code is top else set(_named(code, {"STORE_NAME"}))
        yield from (name for name in _named(code, _READS) if name not in own)


def _named(code: CodeType, operations: set[str] | frozenset[str]) -> Iterator[str]:
    for instruction in get_instructions(code):
        name = str(instruction.argval)
        if instruction.opname in operations and not _is_pythons_own(name):
            yield name


def _is_pythons_own(name: str) -> bool:
    """Tell `__name__`, `__annotations__` and their like."""
    return name.startswith("__") and name.endswith("__")


def _codes(code: CodeType) -> Iterator[CodeType]:
    return (const for const in code.co_consts if isinstance(const, CodeType))


def _nested(code: CodeType) -> Iterator[CodeType]:
    yield code
    for inner in _codes(code):
        yield from _nested(inner)


def _without(own: str, names: Iterator[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for name in names if name != own))
