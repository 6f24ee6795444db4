"""Facts about a source file, by its syntax tree: the work that act one caches."""

import ast
from collections.abc import Callable
from pathlib import Path
from sysconfig import get_path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["Analyser", "Facts", "cached_analyser", "standard_library"]

SKIPPED = frozenset({"dist-packages", "idle_test", "site-packages", "test", "tests"})
"""What others installed, and the library's own tests."""

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


class Facts(TypedDict):
    """Of one file."""

    lines: int
    functions: int
    classes: int
    documented: int
    """Functions with a docstring."""
    longest: tuple[int, str]
    """Lines and name of the longest function."""
    imports: tuple[str, ...]


Analyser = Callable[[str, int], Facts]
"""Takes a path and the time of its last change: another time, another key."""


def standard_library() -> list[Path]:
    """Every source file of Python's standard library, sorted."""
    root = Path(get_path("stdlib"))
    files = root.rglob("*.py")
    return sorted(path for path in files if not SKIPPED.intersection(path.parts))


def cached_analyser(cache: "GridCache") -> Analyser:
    """Return `analyse` with its results in a cache."""
    from gridcache.memoize import grid_cache  # noqa: PLC0415 - loads lmdb and numpy

    cached: Analyser = grid_cache(cache=cache)(analyse)
    return cached


def analyse(path: str, mtime_ns: int) -> Facts:
    """Parse a file and count; a file that is no Python has lines and nothing else."""
    source = Path(path).read_bytes()
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except (SyntaxError, ValueError):
        nodes = []
    functions = [node for node in nodes if isinstance(node, DEFINITIONS)]
    return {
        "lines": source.count(b"\n"),
        "functions": len(functions),
        "classes": sum(isinstance(node, ast.ClassDef) for node in nodes),
        "documented": sum(ast.get_docstring(node) is not None for node in functions),
        "longest": max(map(_length, functions), default=(0, "")),
        "imports": tuple(sorted({name for node in nodes for name in _imported(node)})),
    }


def _length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> tuple[int, str]:
    return (node.end_lineno or node.lineno) - node.lineno + 1, node.name


def _imported(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return [node.module.partition(".")[0]]
    return []
