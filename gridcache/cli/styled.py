"""Tables on a terminal, by rich. Imported only when stdout is one (or coloured)."""

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gridcache.cli.plain import NUMERIC, cells, columns_shown, filled
from gridcache.cli.report import Column, Report, Section

__all__ = ["make_console", "print_report", "table_of"]

PIPE_WIDTH = 10_000
"""Wide enough that rich never folds or cuts a line of a coloured pipe."""


def make_console(color: str, *, stderr: bool = False) -> Console:
    """Console that obeys `--color`, and under `auto` NO_COLOR and FORCE_COLOR."""
    console = Console(
        stderr=stderr,
        force_terminal=True if color == "always" else None,
        no_color=True if color == "never" else None,
        highlight=False,
        soft_wrap=False,
    )
    if not console.file.isatty():
        console.width = PIPE_WIDTH
    return console


def print_report(report: Report, console: Console) -> None:
    """Print all sections."""
    lined = console.file.isatty()
    for section in filled(report):
        if len(section.columns) == 1 and not section.single:
            for row in cells(section):
                console.print(Text(row[0]), soft_wrap=True)
        else:
            console.print(table_of(section, lined=lined))


def table_of(section: Section, *, lined: bool = True) -> Table:
    """Make a rich table of a section."""
    table = Table(
        title=section.title or None,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if lined else None,
        show_header=not section.by_field,
        pad_edge=False,
    )
    if section.by_field:
        table.add_column(style="dim")
        table.add_column(overflow="fold")
    else:
        for column in columns_shown(section):
            _add_column(table, column)
    for row in cells(section):
        table.add_row(*map(Text, row))
    return table


def _add_column(table: Table, column: Column) -> None:
    right = column.kind in NUMERIC
    table.add_column(
        column.heading, justify="right" if right else "left", overflow="fold"
    )
