"""`grid check`."""

import click

from gridcache.cli.failures import Failure
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import open_store_of
from gridcache.cli.tables.check import check_report

__all__ = ["command"]


@click.command("check")
@command_options
def command(options: Options) -> None:
    """Verify a store from end to end.

    Extents tile the arena, every entry's extent is live, leases belong to living
    processes, the accounts balance. Exit 1 if anything is wrong.
    """
    with open_store_of(options) as store:
        report = store.check()
    emit(check_report(report), options)
    if not report.ok:
        count = len(report.problems)
        message = (
            f"{count} problems; what is damaged reads as a miss, never wrong: remove "
            "the store with `grid rm-store` when you can"
        )
        raise Failure(message)
