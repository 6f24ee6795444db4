"""The command line: `grid` and `gridcache`, one click group.

Covers the group alone. A command lives in `gridcache.cli.commands`, one a file,
and is imported when it is called, so that `grid --help` stays quick. What
commands share: `options` (flags every command has), `session` (opens the cache),
`report` and `render` (what is printed), `failures` (exit codes).
"""

import click

from gridcache.cli.commands import COMMANDS
from gridcache.cli.lazy import LazyGroup
from gridcache.cli.options import remember_options

__all__ = ["main"]


@click.group(
    cls=LazyGroup,
    lazy=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no store or node to reach, "
        "4 no such key or block, 5 no room, 130 interrupted. Data goes to stdout, "
        "everything else to stderr."
    ),
)
@click.version_option(package_name="gridcache", prog_name="gridcache")
@remember_options
def main() -> None:
    """Look into, fill and repair the caches of this machine, join machines to a grid.

    Options may stand before or after the command. Settings come from the flag,
    else the environment, else the configuration file, else the default
    (`grid config show --origin` tells which).
    """
