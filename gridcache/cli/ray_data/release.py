"""`grid ray-data release`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.options import Options, command_options
from gridcache.cli.published import released
from gridcache.cli.ray_data.opening import DATASETS
from gridcache.cli.render import emit
from gridcache.ray_data.catalog import release

__all__ = ["command"]


@click.command(
    "release",
    epilog=examples("grid ray-data release clean", "grid ray-data release a b c -f"),
)
@click.argument("names", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="A missing name is no failure.")
@command_options
def command(options: Options, names: tuple[str, ...], *, force: bool) -> None:
    """Drop published datasets and give their memory back. Does not ask.

    A job that is reading one fails, and names the Ray block that it missed. Drops what
    is there; exit 4 if any name was missing.
    """
    with DATASETS.opened(options) as cache:
        report, missing = released(names, lambda name: release(name, cache=cache))
    emit(report, options)
    if not force:
        DATASETS.refuse_missing(missing)
