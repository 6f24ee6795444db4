"""`grid keys`."""

from itertools import islice

import click

from gridcache.cli.globs import matching_keys
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import open_cache
from gridcache.cli.tables.entries import entries_report, keys_report
from gridcache.keys import key_from_text

__all__ = ["command"]


@click.command("keys")
@click.argument("glob", default="*")
@click.option("-l", "--long", is_flag=True, help="With sizes, ages and hits.")
@click.option("--limit", type=click.IntRange(min=0), help="At most so many keys.")
@command_options
def command(options: Options, glob: str, *, long: bool, limit: int | None) -> None:
    r"""List keys, all or those that match a glob.

    GLOB knows * (any text), ? (one character) and [abc]. One key a line, so that
    `grid keys 'old:*' | xargs -d '\n' grid rm` works.
    """
    with open_cache(options) as cache:
        keys = list(islice(matching_keys(cache, glob), limit))
        if long:
            infos = (cache.info(key_from_text(key)) for key in keys)
            emit(entries_report([info for info in infos if info]), options)
        else:
            emit(keys_report(keys), options)
