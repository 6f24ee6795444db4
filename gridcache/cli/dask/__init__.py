"""`dask gridcache`: published collections and spilled memory, in Dask's own CLI.

Covers the group alone, which Dask finds by the entry point `dask_cli`. A command lives
in a module of its own and is imported when it is called: `dask --help` loads this
file. Options, output and exit codes are those of `grid` (`gridcache.cli`).
"""

import click

from gridcache.cli.lazy import LazyCommand, LazyGroup

__all__ = ["gridcache"]

COMMANDS = {
    "names": LazyCommand(
        "gridcache.cli.dask.names", "Collections that are published, one a line."
    ),
    "info": LazyCommand(
        "gridcache.cli.dask.info", "What is published under a name, and where it lies."
    ),
    "release": LazyCommand(
        "gridcache.cli.dask.release", "Drop published collections; frees their memory."
    ),
    "spilled": LazyCommand(
        "gridcache.cli.dask.spilled", "What the workers of a cluster have spilled."
    ),
}


@click.group(
    "gridcache",
    cls=LazyGroup,
    lazy=COMMANDS,
    short_help="Collections published in gridcache, and what workers spilled.",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no store or scheduler to "
        "reach, 4 no such name. Data goes to stdout, everything else to stderr."
    ),
)
def gridcache() -> None:
    """Look after Dask collections in gridcache.

    `gridcache.dask.persist(collection, "NAME")` publishes one, and
    `gridcache.dask.load("NAME")` opens it in any other process. Here they are listed
    and released. `grid` looks after the stores they lie in.
    """
