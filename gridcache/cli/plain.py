"""Tables as aligned text: for pipes and files, with neither lines nor cuts."""

from collections.abc import Sequence

from gridcache.cli.people import shown
from gridcache.cli.report import Column, Kind, Report, Section

__all__ = ["NUMERIC", "as_text", "cells", "columns_shown", "filled"]

GAP = "  "

NUMERIC = frozenset(
    {Kind.COUNT, Kind.BYTES, Kind.SECONDS, Kind.RATIO, Kind.FACTOR},
)
"""Kinds that stand flush right."""


def as_text(report: Report) -> str:
    """All sections, a blank line between them."""
    return "\n".join(map(_section, filled(report)))


def filled(report: Report) -> tuple[Section, ...]:
    """Sections that have rows; the first one in any case."""
    first, *more = report.sections
    return (first, *(section for section in more if section.rows))


def cells(section: Section) -> list[list[str]]:
    """Rows as texts; where people get a line per field, a row per field."""
    if section.by_field:
        pairs = zip(section.columns, section.rows[0], strict=True)
        return [[column.heading, shown(value, column.kind)] for column, value in pairs]
    return [
        [
            shown(value, column.kind)
            for column, value in zip(section.columns, row, strict=True)
            if not column.detail
        ]
        for row in section.rows
    ]


def columns_shown(section: Section) -> list[Column]:
    """Columns of a table with rows."""
    return [column for column in section.columns if not column.detail]


def _section(section: Section) -> str:
    title = f"{section.title}\n" if section.title else ""
    rows = cells(section)
    if section.by_field:
        return title + _lines(rows, [False, False])
    if len(section.columns) == 1:
        return title + "".join(f"{row[0]}\n" for row in rows)
    columns = columns_shown(section)
    heading = [column.heading for column in columns]
    return title + _lines([heading, *rows], _flush_right(columns))


def _flush_right(columns: Sequence[Column]) -> list[bool]:
    return [column.kind in NUMERIC for column in columns]


def _lines(rows: Sequence[Sequence[str]], right: Sequence[bool]) -> str:
    if not rows:
        return ""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        GAP.join(
            cell.rjust(width) if flush else cell.ljust(width)
            for cell, width, flush in zip(row, widths, right, strict=True)
        )
        for row in rows
    )
    return "".join(f"{line.rstrip()}\n" for line in lines)
