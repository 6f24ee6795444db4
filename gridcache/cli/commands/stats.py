"""`grid stats`."""

import click

from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import load_settings, open_store_of
from gridcache.cli.tables.stats import stats_report

__all__ = ["command"]


@click.command("stats")
@click.option("--all", "every", is_flag=True, help="All namespaces of the store.")
@command_options
def command(options: Options, *, every: bool) -> None:
    """Show sizes, hits and evictions.

    Counts are those of all processes since the store was made.
    """
    with open_store_of(options) as store:
        stats = store.stats()
    name = None if every else load_settings(options).namespace
    emit(stats_report(stats, name), options)
