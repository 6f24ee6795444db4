"""`grid rm-store`."""

from pathlib import Path

import click

from gridcache.cli.confirm import confirm, yes_option
from gridcache.cli.options import Options, command_options
from gridcache.cli.people import printable
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.session import find_store
from gridcache.store.directory import remove_store
from gridcache.units import format_bytes

__all__ = ["command"]


@click.command("rm-store")
@click.argument("store", metavar="NAME|DIR")
@click.option("--force", is_flag=True, help="Though processes still use it.")
@yes_option
@command_options
def command(options: Options, store: str, *, force: bool, yes: bool) -> None:
    """Remove a store and give its memory back.

    NAME as `grid stores` shows it, or a store's directory. Asks on a terminal;
    elsewhere it needs --yes. A store in use is refused without --force.
    """
    found = find_store(options, store)
    size = format_bytes(found.directory_nbytes)
    what = f"{found.entries:,} entries, {size}"
    confirm(f"Remove store {printable(found.name)!r} ({what})?", yes=yes)
    remove_store(Path(found.path), force=force)
    columns = (Column("removed"), Column("freed_nbytes", Kind.BYTES, "freed"))
    row = (found.path, found.directory_nbytes)
    emit(Report((Section("rm_store", columns, [row], single=True),)), options)
