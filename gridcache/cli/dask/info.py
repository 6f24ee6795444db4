"""`dask gridcache info`."""

import click

from gridcache.cli.dask.opening import COLLECTIONS
from gridcache.cli.dask.tables import info_report
from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.dask.loading import info

__all__ = ["command"]


@click.command("info", epilog=examples("dask gridcache info clean-data"))
@click.argument("name")
@command_options
def command(options: Options, name: str) -> None:
    """Show what is published under a name, and on which nodes it lies.

    Exit 4 if nothing is.
    """
    with COLLECTIONS.opened(options) as cache, COLLECTIONS.names_as_exit_codes():
        found = info(name, cache=cache)
    emit(info_report(found), options)
