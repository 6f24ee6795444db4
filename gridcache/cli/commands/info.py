"""`grid info`."""

import click

from gridcache.cli.keyarg import KEY, not_found
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import open_cache
from gridcache.cli.tables.entries import entry_report
from gridcache.keys import Key

__all__ = ["command"]


@click.command("info")
@click.argument("key", type=KEY)
@command_options
def command(options: Options, key: Key) -> None:
    """Show one entry: size, age, hits, cost."""
    with open_cache(options) as cache:
        info = cache.info(key)
        if info is None:
            raise not_found(cache, key)
        emit(entry_report(info), options)
