"""`grid ray-data info`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.ray_data.opening import DATASETS
from gridcache.cli.ray_data.tables import info_report
from gridcache.cli.render import emit
from gridcache.ray_data.catalog import info

__all__ = ["command"]


@click.command(
    "info",
    epilog=examples(
        "grid ray-data info clean",
        "grid ray-data info clean --json | jq '.nodes'",
    ),
)
@click.argument("name")
@command_options
def command(options: Options, name: str) -> None:
    """Show what is published under a name: rows, schema, and on which nodes it lies.

    Exit 4 if nothing is.
    """
    with DATASETS.opened(options) as cache, DATASETS.names_as_exit_codes():
        found = info(name, cache=cache)
    emit(info_report(found), options)
