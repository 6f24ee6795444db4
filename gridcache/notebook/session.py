"""One cached cell from its text to its variables; what `%%grid_cache` does.

Knows IPython's shell as an object with `user_ns`, `compile` and the like, and writes
its own line (`hit, 42 s saved`) to stdout.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from gridcache.errors import GridCacheError
from gridcache.notebook.cell import Cell, RefusedCellError, parse_cell
from gridcache.notebook.inputs import cell_key, input_digests, input_names
from gridcache.notebook.kept import pack, restore
from gridcache.notebook.recorder import replay
from gridcache.notebook.run import Run, run_cell
from gridcache.units import format_bytes, format_duration

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["CellOptions", "cached_cell"]


@dataclass(frozen=True, slots=True)
class CellOptions:
    """Options of the magic."""

    name: str
    inputs: tuple[str, ...] = ()
    """Added to what the analysis finds."""
    outputs: tuple[str, ...] = ()
    """Kept instead of what the cell assigns; empty for that."""
    ignored: frozenset[str] = field(default_factory=frozenset)
    ttl_s: float | None = None
    force: bool = False
    quiet: bool = False
    """The result is not shown (the cell ends with `;`)."""


def cached_cell(
    source: str, options: CellOptions, shell: Any, cache: "GridCache"
) -> Any:
    """Restore a cell's variables, or run it and keep them.

    Returns
    -------
    Any
        Value of the cell's last expression if it ran, for the shell to show.

    Raises
    ------
    RefusedCellError
        The cell cannot be cached as it is; it has not run.
    """
    cell = parse_cell(source, named_inputs=bool(options.inputs))
    _refuse_definitions(cell, options.outputs)
    names = input_names(
        cell,
        shell.user_ns,
        hidden=shell.user_ns_hidden,
        more=options.inputs,
        ignored=options.ignored,
    )
    digests = input_digests(names, shell.user_ns)
    key = cell_key(options.name, cell, options.outputs, digests)
    entry = None if options.force else cache.get(key, copy=True)
    if entry is not None:
        _show_hit(entry, options.name, shell)
        return None
    run = run_cell(cell, shell, quiet=options.quiet)
    _keep(run, key, digests, options, shell, cache)
    return run.result


def _show_hit(entry: Mapping[str, Any], name: str, shell: Any) -> None:
    outputs = restore(entry, shell.user_ns)
    replay(outputs, shell.display_pub)
    more = "" if entry["complete"] else "; some output is not shown again"
    _say(f"{name}: hit, {format_duration(entry['seconds'])} saved{more}")


def _keep(
    run: Run,
    key: str,
    digests: Mapping[str, str],
    options: CellOptions,
    shell: Any,
    cache: "GridCache",
) -> None:
    ran = f"{options.name}: ran {format_duration(run.seconds)}"
    try:
        names = _names_to_keep(run, digests, options, shell)
        entry = pack(run, names, shell.user_ns)
        cache.put(key, entry, ttl=options.ttl_s, cost=run.seconds, tags=(options.name,))
    except (GridCacheError, RefusedCellError) as error:
        _say(f"{ran}, not kept: {error}")
        return
    info = cache.info(key)
    size = f" ({format_bytes(info.stored_nbytes)})" if info else ""
    _say(f"{ran}, kept {', '.join(names) or 'its output'}{size}")


def _names_to_keep(
    run: Run, digests: Mapping[str, str], options: CellOptions, shell: Any
) -> tuple[str, ...]:
    if not run.certain:
        message = "a loop did not run, so that the result depends on an older variable"
        raise RefusedCellError(message)
    if options.outputs:
        return _present(options.outputs, shell.user_ns)
    changed = _changed_in_place(digests, run, shell.user_ns)
    return tuple(sorted({*run.assigned, *changed}))


def _changed_in_place(
    digests: Mapping[str, str], run: Run, namespace: Mapping[str, Any]
) -> set[str]:
    """Inputs that the cell changed without binding them (`table["b"] = 1`)."""
    others = [n for n in digests if n in namespace and n not in run.assigned]
    now = input_digests(others, namespace)
    return {name for name in others if now[name] != digests[name]}


def _present(names: tuple[str, ...], namespace: Mapping[str, Any]) -> tuple[str, ...]:
    absent = [name for name in names if name not in namespace]
    if absent:
        message = f"-o {absent[0]}: the cell did not make it"
        raise RefusedCellError(message)
    return names


def _refuse_definitions(cell: Cell, outputs: tuple[str, ...]) -> None:
    kept = outputs or cell.flow.assigned
    for name, line in cell.flow.definitions.items():
        if name in kept:
            message = (
                f"line {line} defines {name}, which cannot be restored: define it in a "
                "cell of its own, or choose what to keep with -o NAME"
            )
            raise RefusedCellError(message)


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
