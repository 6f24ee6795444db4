"""A cell's source: its syntax tree, what identifies it, what cannot be cached.

Refused are cells whose inputs cannot be seen (`eval`, line magics, star imports),
cells that wait (`await`), and definitions among the names to keep.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b

from gridcache.notebook.flow import Flow, flow_of

__all__ = ["Cell", "RefusedCellError", "parse_cell"]

BLIND = ("eval", "exec", "globals", "locals")
"""What reads names that no analysis sees."""


class RefusedCellError(ValueError):
    """The cell cannot be cached as it is; the message names the line and the cure."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell, analysed."""

    source: str
    tree: ast.Module
    flow: Flow
    digest: str
    """Of the syntax tree: neither comments nor layout count."""


def parse_cell(source: str, *, named_inputs: bool = False) -> Cell:
    """Parse and analyse a cell.

    Parameters
    ----------
    source
        Plain Python: IPython has replaced its magics by calls of `get_ipython()`.
    named_inputs
        The user has named inputs, and so answers for what `eval` reads.

    Raises
    ------
    SyntaxError
        The source is no Python.
    RefusedCellError
        See the module.
    """
    tree = ast.parse(source)
    for node in _top_level(tree):
        _refuse_waiting(node)
        _refuse_hidden_reads(node, blind=() if named_inputs else BLIND)
    digest = blake2b(ast.dump(tree).encode(), digest_size=16).hexdigest()
    return Cell(source, tree, flow_of(tree), digest)


def _top_level(node: ast.AST) -> Iterator[ast.AST]:
    """Nodes outside of functions and classes, whose bodies run at another time."""
    for child in ast.iter_child_nodes(node):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield from _top_level(child)


def _refuse_waiting(node: ast.AST) -> None:
    waits = isinstance(node, ast.Await | ast.AsyncFor | ast.AsyncWith)
    if waits or (isinstance(node, ast.comprehension) and node.is_async):
        line = getattr(node, "lineno", 1)
        message = (
            f"line {line} waits (await); a cell magic cannot: await it in a cell of "
            "its own, or cache it with `await cache.aget_or_compute(key, fn)`"
        )
        raise RefusedCellError(message)


def _refuse_hidden_reads(node: ast.AST, blind: tuple[str, ...]) -> None:
    if isinstance(node, ast.ImportFrom) and node.names[0].name == "*":
        message = f"line {node.lineno}: a star import hides its names; import by name"
        raise RefusedCellError(message)
    if not isinstance(node, ast.Name):
        return
    if node.id == "get_ipython":
        message = (
            f"line {node.lineno}: a magic or shell command hides what it reads and "
            "binds; move it to a cell of its own"
        )
        raise RefusedCellError(message)
    if node.id in blind:
        message = (
            f"line {node.lineno}: {node.id}() hides what it reads; name its inputs "
            "with -i NAME"
        )
        raise RefusedCellError(message)
