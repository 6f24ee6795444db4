"""`grid stats`."""

import click

from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import open_cache
from gridcache.cli.tables.stats import stats_report

__all__ = ["command"]


@click.command("stats")
@click.option("--all", "every", is_flag=True, help="All namespaces of the store.")
@command_options
def command(options: Options, *, every: bool) -> None:
    """Show sizes, hits and evictions.

    Counts are those of all processes since the store was made.
    """
    with open_cache(options) as cache:
        emit(stats_report(cache.stats(), every=every), options)
