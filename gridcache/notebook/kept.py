"""What is kept of a run: the values of its variables, its output, its seconds.

A module is kept by its name. Functions and classes of the notebook itself are
refused: restored ones would look up their globals somewhere else than the notebook.
"""

from collections.abc import Iterable, Mapping
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any

from gridcache.notebook.cell import RefusedCellError
from gridcache.notebook.recorder import Output
from gridcache.notebook.run import Run

__all__ = ["pack", "restore"]

FORMAT = 1


def pack(
    run: Run, names: Iterable[str], namespace: Mapping[str, Any]
) -> dict[str, Any]:
    """Make the entry of a run.

    Raises
    ------
    RefusedCellError
        A value is a function or class of the notebook.
    """
    modules: dict[str, str] = {}
    variables: dict[str, Any] = {}
    for name in names:
        value = namespace[name]
        _refuse_code(name, value)
        if isinstance(value, ModuleType):
            modules[name] = value.__name__
        else:
            variables[name] = value
    return {
        "format": FORMAT,
        "variables": variables,
        "modules": modules,
        "removed": list(run.removed),
        "outputs": list(run.recording.outputs),
        "complete": run.recording.complete,
        "seconds": run.seconds,
    }


def restore(entry: Mapping[str, Any], namespace: dict[str, Any]) -> list[Output]:
    """Put the variables back; returns the output to show."""
    modules = {name: import_module(module) for name, module in entry["modules"].items()}
    namespace.update(entry["variables"])
    namespace.update(modules)
    for name in entry["removed"]:
        namespace.pop(name, None)
    return list(entry["outputs"])


def _refuse_code(name: str, value: object) -> None:
    kind = "function" if isinstance(value, FunctionType) else "class"
    if isinstance(value, FunctionType | type) and value.__module__ == "__main__":
        message = (
            f"{name} is a {kind} of this notebook; define it in a cell of its own, or "
            "choose what to keep with -o"
        )
        raise RefusedCellError(message)
