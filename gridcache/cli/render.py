"""Where a command's findings go: data to stdout, words to stderr."""

import sys

import click

from gridcache.cli.machine import as_csv, as_json, as_jsonl
from gridcache.cli.options import Options
from gridcache.cli.plain import as_text
from gridcache.cli.report import Report

__all__ = ["emit", "say"]

_MACHINE = {"json": as_json, "jsonl": as_jsonl, "csv": as_csv}


def emit(report: Report, options: Options) -> None:
    """Print a report in the form asked for."""
    machine = _MACHINE.get(options.format)
    if machine:
        click.echo(machine(report), nl=False)
        return
    if options.color == "always" or sys.stdout.isatty():
        _styled(report, options)
    else:
        click.echo(as_text(report), nl=False)
    if report.note:
        say(report.note)


def say(text: str) -> None:
    """One line for people, on stderr."""
    click.echo(text, err=True)


def _styled(report: Report, options: Options) -> None:
    from gridcache.cli.styled import (  # noqa: PLC0415 - 70 ms that pipes do not need
        make_console,
        print_report,
    )

    print_report(report, make_console(options.color))
