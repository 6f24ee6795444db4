"""`grid rm`."""

import click

from gridcache.cli.failures import ExitCode, Failure
from gridcache.cli.keyarg import KEY
from gridcache.cli.options import Options, command_options
from gridcache.cli.people import printable
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.session import open_cache
from gridcache.keys import Key, text_key

__all__ = ["command"]


@click.command("rm")
@click.argument("keys", type=KEY, nargs=-1, required=True)
@click.option("-f", "--force", is_flag=True, help="A missing key is no failure.")
@command_options
def command(options: Options, keys: tuple[Key, ...], *, force: bool) -> None:
    """Delete keys. Does not ask.

    Deletes what is there; exit 4 if any key was missing.
    """
    with open_cache(options) as cache:
        missing = [text_key(key) for key in keys if not cache.delete_many([key])]
    columns = (Column("deleted", Kind.COUNT), Column("missing", Kind.NAMES))
    row = (len(keys) - len(missing), tuple(missing))
    emit(Report((Section("rm", columns, [row], single=True),)), options)
    if missing and not force:
        names = ", ".join(printable(key) for key in missing)
        message = f"no such key: {names}; see `grid keys`, or `grid explain KEY`"
        raise Failure(message, ExitCode.NO_KEY)
