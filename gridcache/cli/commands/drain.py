"""`grid drain`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import open_grid
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Report, Section
from gridcache.cli.spinner import waiting

__all__ = ["command"]

COLUMNS = (Column("node"), Column("state"))


@click.command(
    "drain", epilog=examples("grid drain gpu2", "grid drain gpu2 && ssh gpu2 ray stop")
)
@click.argument("node")
@command_options
def command(options: Options, node: str) -> None:
    """Move what a node has to the others, so that it can be taken away.

    Returns when the node has nothing left that only it has. Its keys are answered
    all the while. Exit 2 if there is no such node.
    """
    with open_grid(options) as grid, waiting(options, f"{node} gives away its keys"):
        grid.drain(node)
    row = (node, "drained")
    emit(Report((Section("drain", COLUMNS, [row], single=True),)), options)
