"""`dask gridcache release`."""

import click

from gridcache.cli.dask.opening import opened
from gridcache.cli.examples import examples
from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.options import Options, command_options
from gridcache.cli.people import printable
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.dask.loading import release
from gridcache.errors import NameNotFoundError

__all__ = ["command"]

COLUMNS = (
    Column("name"),
    Column("released", Kind.FLAG),
    Column("nbytes", Kind.BYTES, "freed"),
)


@click.command("release", epilog=examples("dask gridcache release clean-data"))
@click.argument("names", nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="A missing name is no failure.")
@command_options
def command(options: Options, names: tuple[str, ...], *, force: bool) -> None:
    """Drop published collections and give their memory back. Does not ask.

    Collections that other processes have loaded of them cannot be computed any more.
    Drops what is there; exit 4 if any name was missing.
    """
    rows: list[tuple[object, ...]] = []
    with opened(options) as cache:
        for name in dict.fromkeys(names):
            try:
                rows.append((name, True, release(name, cache=cache)))
            except NameNotFoundError:
                rows.append((name, False, 0))
    emit(Report((Section("release", COLUMNS, rows),)), options)
    missing = [printable(str(name)) for name, released, _ in rows if not released]
    if missing and not force:
        message = f"not published: {', '.join(missing)}; see `dask gridcache names`"
        raise Failure(message, ExitCode.NO_KEY)
