"""Runs a cell in the notebook's variables and tells what it left there."""

import ast
import time
from dataclasses import dataclass
from typing import Any

from gridcache.notebook.cell import Cell
from gridcache.notebook.flow import Flow
from gridcache.notebook.marks import MARKS_NAME, with_marks
from gridcache.notebook.recorder import Recording, recorded

__all__ = ["Run", "run_cell"]


@dataclass(frozen=True, slots=True)
class Run:
    """What one run did."""

    seconds: float
    assigned: tuple[str, ...]
    """Names that it has bound and that are still there, sorted."""
    removed: tuple[str, ...]
    """Inputs that it has deleted, sorted."""
    certain: bool
    """False if it read a name that only a loop which did not run would have bound: it
    then depends on more than the inputs in its key."""
    recording: Recording
    result: Any
    """Value of the last statement if that is an expression."""


def run_cell(cell: Cell, shell: Any, *, quiet: bool) -> Run:
    """Run a cell, once; what it raises is raised.

    Parameters
    ----------
    cell
        Its tree is changed.
    shell
        IPython's.
    quiet
        The result will not be shown, so that it is not recorded either.
    """
    namespace = shell.user_ns
    before = set(namespace)
    marks: dict[int, bool] = {}
    namespace[MARKS_NAME] = marks
    try:
        with recorded(shell.display_pub) as recording:
            start = time.perf_counter()
            result = _execute(cell, shell)
            seconds = time.perf_counter() - start
    finally:
        namespace.pop(MARKS_NAME, None)
    if result is not None and not quiet:
        recording.add_display(*shell.display_formatter.format(result))
    return Run(
        seconds=seconds,
        assigned=_assigned(cell.flow, marks, namespace),
        removed=tuple(sorted(before.intersection(cell.flow.reads) - set(namespace))),
        certain=all(group.intersection(marks) for group in cell.flow.relied),
        recording=recording,
        result=result,
    )


def _assigned(
    flow: Flow, marks: dict[int, bool], namespace: dict[str, Any]
) -> tuple[str, ...]:
    sites = (site for site in flow.sites.values() if site.number in marks)
    names = {name for site in sites for name in site.names}
    return tuple(sorted((names | flow.loose | flow.bound).intersection(namespace)))


def _execute(cell: Cell, shell: Any) -> Any:
    # The shell keeps the source under this name, for tracebacks with their lines.
    filename = shell.compile.cache(cell.source, shell.execution_count)
    # Marks first: a transformer may replace the statements that the sites refer to.
    tree = shell.transform_ast(with_marks(cell.tree, cell.flow))
    last = tree.body[-1] if tree.body else None
    shown = isinstance(last, ast.Expr)
    module = ast.Module(tree.body[:-1] if shown else tree.body, [])
    namespace = shell.user_ns
    exec(shell.compile(module, filename, "exec"), namespace)  # noqa: S102 - the cell
    if not isinstance(last, ast.Expr):
        return None
    code = shell.compile(ast.Expression(last.value), filename, "eval")
    return eval(code, namespace)  # noqa: S307 - the cell's last line
