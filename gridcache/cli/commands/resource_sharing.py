"""`grid resource-sharing`."""

import click

from gridcache.cli.examples import examples
from gridcache.cli.grid_session import open_pool
from gridcache.cli.options import Options, command_options
from gridcache.cli.render import emit
from gridcache.cli.session import cluster_config
from gridcache.cli.spinner import waiting
from gridcache.cli.tables.sharing import sharing_report

__all__ = ["command"]


@click.group("resource-sharing")
def command() -> None:
    """Show how the nodes share their memory."""


@command.command(
    "status",
    epilog=examples(
        "grid resource-sharing status --config config/my-cluster-enhanced.yaml",
        "grid resource-sharing status --json | jq .pool",
    ),
)
@command_options
def status(options: Options) -> None:
    """Show whether sharing is on, its mode, the pool's statistics and last moves.

    Enabled is what the cluster file says, so no without --config; the mode is what the
    grid does.
    """
    sharing = cluster_config(options).resource_sharing
    with open_pool(options) as (grid, pool), waiting(options, "the nodes answer"):
        stats, found = pool.get_stats(), grid.status()
    emit(sharing_report(sharing, stats, found), options)
