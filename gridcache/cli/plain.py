"""Tables as aligned text: for pipes and files, with neither lines nor cuts."""

from collections.abc import Sequence

from gridcache.cli.people import shown
from gridcache.cli.report import Column, Kind, Report, Section

__all__ = ["NUMERIC", "as_text", "cells"]

GAP = "  "

NUMERIC = frozenset(
    {Kind.COUNT, Kind.BYTES, Kind.SECONDS, Kind.RATIO, Kind.FACTOR},
)
"""Kinds that stand flush right."""


def as_text(report: Report) -> str:
    """All sections, a blank line between them."""
    return "\n".join(_section(section) for section in report.sections)


def cells(section: Section) -> list[list[str]]:
    """Rows as texts; of a single record a row per field."""
    if section.single:
        pairs = zip(section.columns, section.rows[0], strict=True)
        return [[column.heading, shown(value, column.kind)] for column, value in pairs]
    return [
        [shown(v, c.kind) for c, v in zip(section.columns, row, strict=True)]
        for row in section.rows
    ]


def _section(section: Section) -> str:
    title = f"{section.title}\n" if section.title else ""
    rows = cells(section)
    if section.single:
        return title + _lines(rows, [False, False])
    if len(section.columns) == 1:
        return title + "".join(f"{row[0]}\n" for row in rows)
    heading = [column.heading for column in section.columns]
    return title + _lines([heading, *rows], _flush_right(section.columns))


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
