"""`dask gridcache names`."""

import click

from gridcache.cli.dask.opening import COLLECTIONS
from gridcache.cli.dask.tables import names_report
from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.published import told
from gridcache.cli.render import emit
from gridcache.dask.loading import info, names

__all__ = ["command"]


@click.command(
    "names",
    epilog=examples(
        "dask gridcache names",
        "dask gridcache names --json | jq '.names[].name'",
    ),
)
@command_options
def command(options: Options) -> None:
    """List the collections that are published, and how much of each is there.

    `present` below `partitions` means that a collection cannot be read whole. Nodes
    are those that stored it.
    """
    with COLLECTIONS.opened(options) as cache:
        found = list(told(names(cache=cache), lambda name: info(name, cache=cache)))
    emit(names_report(found), options)
