"""`grid nodes`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import open_grid
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.spinner import waiting
from gridcache.cli.tables.nodes import nodes_report

__all__ = ["command"]


@click.command(
    "nodes",
    epilog=examples(
        "grid nodes",
        "grid nodes --json | jq -r '.nodes[] | select(.state != \"serving\") | .name'",
    ),
)
@command_options
def command(options: Options) -> None:
    """List the nodes of the grid.

    State, capacity, free memory, entries and blocks of each; --json has their
    addresses, stores and labels too. Exit 3 where no grid runs.
    """
    with open_grid(options) as grid, waiting(options, "the nodes answer"):
        nodes = grid.nodes()
    emit(nodes_report(nodes), options)
