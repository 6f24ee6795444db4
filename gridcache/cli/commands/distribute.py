"""`grid distribute`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import open_grid
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.spinner import waiting
from gridcache.cli.tables.nodes import distribute_report

__all__ = ["command"]


@click.group("distribute")
def command() -> None:
    """Show what each node brings to the grid."""


@command.command(
    "status",
    epilog=examples(
        "grid distribute status", "grid distribute status --json | jq '.grid.epoch'"
    ),
)
@command_options
def status(options: Options) -> None:
    """Show each node's CPUs, memory, actor and epoch.

    Two epochs that differ for longer than a few seconds mean that a node does not
    hear the others.
    """
    with open_grid(options) as grid, waiting(options, "the nodes answer"):
        found = grid.status()
    emit(distribute_report(found), options)
