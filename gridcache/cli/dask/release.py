"""`dask gridcache release`."""

import click

from gridcache.cli.dask.opening import COLLECTIONS
from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.published import released
from gridcache.cli.render import emit
from gridcache.dask.loading import release

__all__ = ["command"]


@click.command("release", epilog=examples("dask gridcache release clean-data"))
@click.argument("names", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="A missing name is no failure.")
@command_options
def command(options: Options, names: tuple[str, ...], *, force: bool) -> None:
    """Drop published collections and give their memory back. Does not ask.

    Collections that other processes have loaded of them cannot be computed any more.
    Drops what is there; exit 4 if any name was missing.
    """
    with COLLECTIONS.opened(options) as cache:
        report, missing = released(names, lambda name: release(name, cache=cache))
    emit(report, options)
    if not force:
        COLLECTIONS.refuse_missing(missing)
