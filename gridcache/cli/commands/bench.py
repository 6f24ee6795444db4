"""`grid bench`: hands over to `gridcache.bench`, which does the measuring."""

from importlib import import_module

import click

from gridcache.cli.options import Options, command_options

__all__ = ["command"]


@click.command("bench", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[NAME]...", nargs=-1, type=click.UNPROCESSED)
@command_options
def command(options: Options, arguments: tuple[str, ...]) -> None:
    """Measure this machine; the proof of the figures.

    Medians and ratios in one run, on private temporary stores. NAME picks single
    benchmarks.
    """
    flags = ["--json"] if options.format == "json" else []
    code = import_module("gridcache.bench").main([*arguments, *flags])
    click.get_current_context().exit(int(code or 0))
