"""The values a cell reads, and the key they make with its name and its tree."""

from collections.abc import Collection, Iterable, Mapping
from hashlib import blake2b
from typing import Any

from gridcache.digest import digest
from gridcache.errors import NotKeyableError
from gridcache.notebook.cell import Cell, RefusedCellError

__all__ = ["cell_key", "input_digests", "input_names"]


def input_names(
    cell: Cell,
    namespace: Mapping[str, Any],
    *,
    hidden: Mapping[str, Any],
    more: Iterable[str] = (),
    ignored: Collection[str] = (),
) -> tuple[str, ...]:
    """Names whose values count for a cell, sorted.

    Parameters
    ----------
    cell
        The analysed cell.
    namespace
        The notebook's variables; a name that is not there (a builtin) does not count.
    hidden
        What IPython itself put there; counts once the user has rebound it.
    more
        Names that the user adds, because the analysis cannot see that they are read.
    ignored
        Names that the user leaves out.

    Raises
    ------
    RefusedCellError
        A name in `more` has no value.
    """
    absent = [name for name in more if name not in namespace]
    if absent:
        message = f"-i {absent[0]}: there is no variable of this name"
        raise RefusedCellError(message)
    seen = {
        name
        for name in cell.flow.reads
        if name in namespace
        and not (name in hidden and namespace[name] is hidden[name])
    }
    return tuple(sorted({*seen, *more}.difference(ignored)))


def input_digests(names: Iterable[str], namespace: Mapping[str, Any]) -> dict[str, str]:
    """Digest of each value.

    Raises
    ------
    RefusedCellError
        A value has no lasting identity (an open file, a lock).
    """
    return {name: _digest(name, namespace[name]) for name in names}


def cell_key(
    name: str, cell: Cell, outputs: Iterable[str], digests: Mapping[str, str]
) -> str:
    """Key under which a cell's result is kept; `outputs` are those asked for."""
    content = repr((cell.digest, sorted(outputs), sorted(digests.items())))
    return f"cell:{name}:{blake2b(content.encode(), digest_size=16).hexdigest()}"


def _digest(name: str, value: Any) -> str:
    try:
        return digest(value, name=name)
    except NotKeyableError as error:
        message = (
            f"the cell reads {name}: {error}; if the result does not depend on it, "
            f"leave it out with --ignore {name}"
        )
        raise RefusedCellError(message) from error
