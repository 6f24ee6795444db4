"""The survey: what one fingerprint rests on, noted while it is made.

A fingerprint holds as long as everything noted here is what it was.

Not covered: notes on data (`gridcache.fingerprint.notes`), and how notes are compared
later (`gridcache.fingerprint.checks`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from types import CellType, FunctionType
from typing import Any

from gridcache.digest.engine import leaf
from gridcache.fingerprint.notes import Notes

__all__ = ["MISSING", "Placed", "Survey", "contents"]

MISSING: Any = object()
"""Stands for a name that leads nowhere."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A function, class or module that was met, and waits to be looked into."""

    value: Any
    content: Callable[[Any, "Survey", Any], Iterable[bytes]]
    """Called with the digester, the survey and the value."""
    via: "Placed | None"
    """What it was met in."""


class Survey:
    """Notes of one pass.

    Code is looked into in the order in which it is met, not where it is met: call
    graphs are deep and full of cycles. What meets it takes its place in that order
    for its token.

    Parameters
    ----------
    home
        The top-level package whose code counts by content wherever it lies.
    ignored
        Names of globals and closure variables that do not count.
    """

    __slots__ = (
        *("_places", "cells", "current", "data", "functions", "home", "ignored"),
        *("placed", "seen", "spaces"),
    )

    home: str | None
    ignored: frozenset[str]
    functions: list[FunctionType]
    spaces: dict[int, tuple[dict[str, Any], dict[str, Any]]]
    """By id of a namespace: it, and what each name read from it was."""
    cells: list[tuple[CellType, Any]]
    data: Notes
    placed: list[Placed]
    current: Placed | None
    """What is being looked into."""
    seen: set[str]
    """Names met that could have been ignored."""

    def __init__(self, home: str | None, ignored: frozenset[str]) -> None:
        self.home = home
        self.ignored = ignored
        self.functions = []
        self.spaces = {}
        self.cells = []
        self.data = Notes()
        self.seen = set()
        self.placed = []
        self.current = None
        self._places: dict[int, int] = {}

    def place(self, value: Any, content: Any) -> bytes:
        """Put code in line, if it is new; give its token."""
        index = self._places.setdefault(id(value), len(self.placed))
        if index == len(self.placed):
            self.placed.append(Placed(value, content, self.current))
        return leaf("code", index.to_bytes(8, "little"))

    def ignores(self, name: str) -> bool:
        """Tell whether a name does not count."""
        self.seen.add(name)
        return name in self.ignored

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
        self.data.attributes(vars(kind), kind.__qualname__)
        yield from sorted(vars(kind).items())


def contents(cell: CellType) -> Any:
    """Look into a cell, which may be empty."""
    try:
        return cell.cell_contents
    except ValueError:
        return MISSING
