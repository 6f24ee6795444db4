"""`grid clear`."""

import click

from gridcache.cli.confirm import confirm, yes_option
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.session import open_cache

__all__ = ["command"]


@click.command("clear")
@click.option("--tag", help="Only the entries with this tag.")
@yes_option
@command_options
def command(options: Options, *, tag: str | None, yes: bool) -> None:
    """Delete every entry of the namespace, or of one tag.

    Asks on a terminal; elsewhere it needs --yes. Other namespaces are untouched.
    """
    with open_cache(options) as cache:
        before = len(cache)
        what = f"entries tagged {tag!r}" if tag else f"all {before:,} entries"
        confirm(f"Delete {what} of namespace {cache.name!r}?", yes=yes)
        deleted = cache.clear(tag=tag)
    section = Section(
        "clear", (Column("deleted", Kind.COUNT),), [(deleted,)], single=True
    )
    emit(Report((section,)), options)
