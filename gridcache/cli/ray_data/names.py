"""`grid ray-data names`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.published import told
from gridcache.cli.ray_data.opening import DATASETS
from gridcache.cli.ray_data.tables import names_report
from gridcache.cli.render import emit
from gridcache.ray_data.catalog import info, names

__all__ = ["command"]


@click.command(
    "names",
    epilog=examples(
        "grid ray-data names",
        "grid ray-data names --json | jq '.names[] | select(.present < .blocks)'",
        "grid ray-data names --namespace scratch",
    ),
)
@command_options
def command(options: Options) -> None:
    """List the datasets that are published, and how much of each is there.

    `present` below `blocks` means that Ray blocks are gone, with a node or deleted: the
    dataset cannot be read whole, and `persist` of it runs again. Nodes are those that
    wrote it, where a read finds it without the network.
    """
    with DATASETS.opened(options) as cache:
        found = list(told(names(cache=cache), lambda name: info(name, cache=cache)))
    emit(names_report(found), options)
