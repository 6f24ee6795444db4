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


@click.command("drain", epilog=examples("grid drain gpu2", "grid drain gpu2 --undo"))
@click.argument("node")
@click.option("--undo", is_flag=True, help="Let a drained node take part again.")
@command_options
def command(options: Options, node: str, *, undo: bool) -> None:
    """Move what a node has to the others, so that it can be taken away.

    Returns when its keys are at the other nodes, with the blocks that may move; all
    are answered all the while. Blocks that were placed on it by name stay in its store
    until it takes part again. Exit 2 if there is no such node.
    """
    text = f"{node} gives away what it has"
    with open_grid(options) as grid, waiting(options, text) as told:
        if undo:
            grid.undrain(node)
        else:
            grid.drain(node, progress=told)
    row = (node, "starting" if undo else "drained")
    emit(Report((Section("drain", COLUMNS, [row], single=True),)), options)
