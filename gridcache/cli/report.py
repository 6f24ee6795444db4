"""What a command found, before it is put into any form.

A report is a list of sections; a section has columns and rows of raw values
(bytes as int, instants as seconds since the epoch). `render` makes tables for
people of it, `machine` JSON, JSON lines and CSV.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

__all__ = ["SCHEMA_VERSION", "Column", "Kind", "Report", "Section"]

SCHEMA_VERSION = 1
"""Raised when a field changes its meaning or goes; new fields do not raise it."""


class Kind(Enum):
    """How a column's values are to be read."""

    TEXT = auto()
    COUNT = auto()
    BYTES = auto()
    SECONDS = auto()
    INSTANT = auto()
    RATIO = auto()
    """Between 0 and 1, shown as per cent."""
    FACTOR = auto()
    FLAG = auto()
    NAMES = auto()
    """Several texts, or counts by name."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `name` is the field in JSON and CSV."""

    name: str
    kind: Kind = Kind.TEXT
    label: str = ""
    """Heading for people; the name with spaces where empty."""
    detail: bool = False
    """Left out of tables with rows for people, which must fit a terminal."""

    @property
    def heading(self) -> str:
        """What stands above the column."""
        return self.label or self.name.removesuffix("_nbytes").replace("_", " ")


@dataclass(frozen=True, slots=True)
class Section:
    """Rows under one name."""

    name: str
    columns: tuple[Column, ...]
    rows: Sequence[tuple[object, ...]]
    single: bool = False
    """One record: an object in JSON, a line per field for people."""
    tall: bool = False
    """One row: a list in JSON, yet a line per field for people."""
    title: str = ""

    @property
    def by_field(self) -> bool:
        """True if people get a line per field."""
        return self.single or self.tall


@dataclass(frozen=True, slots=True)
class Report:
    """Sections in order; CSV and JSON lines show the last alone."""

    sections: tuple[Section, ...]
    note: str = ""
    """One line for people, on stderr."""
