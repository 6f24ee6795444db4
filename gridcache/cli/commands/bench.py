"""`grid bench`: hands over to `gridcache.bench`, which does the measuring."""

import click

from gridcache.bench import main
from gridcache.cli.options import Options, command_options

__all__ = ["command"]


@click.command("bench", context_settings={"ignore_unknown_options": True})
@click.argument("arguments", metavar="[NAME]...", nargs=-1, type=click.UNPROCESSED)
@command_options
def command(options: Options, arguments: tuple[str, ...]) -> None:
    """Measure this machine; the proof of the figures.

    Medians and ratios in one run, on private temporary stores. NAME picks single
    benchmarks (grid: the grid, on a Ray cluster of its own; dask, ray-data: on clusters
    of their own); `grid bench -- --help` tells which there are, and more options.
    """
    flags = ["--json"] if options.format == "json" else []
    click.get_current_context().exit(main([*flags, *arguments]))
