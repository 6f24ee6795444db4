"""`grid stores`."""

import click

from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import stores_directory
from gridcache.cli.tables.stores import stores_report
from gridcache.store.directory import list_stores

__all__ = ["command"]


@click.command("stores")
@command_options
def command(options: Options) -> None:
    """List the stores of this machine.

    A store's memory stays taken after its processes end, until `grid rm-store` or a
    reboot. A store at a path of its own is not listed: see `grid stats --path`.
    """
    directory = stores_directory(options)
    emit(stores_report(list_stores(directory), directory), options)
