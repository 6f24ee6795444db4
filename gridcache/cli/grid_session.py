"""From the options to the grid they mean, and to its memory pool.

A command that looks joins a grid that runs; `grid up` alone starts one.
"""

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from gridcache.cli.options import Options
from gridcache.cli.ray.head import find_head
from gridcache.cli.ray.token import asks_for_token
from gridcache.cli.session import cluster_config, load_settings
from gridcache.cli.spinner import waiting

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gridcache.cluster.actors.grid import Grid
    from gridcache.cluster_config import ClusterConfig
    from gridcache.pool import SyncDistributedMemoryPool

__all__ = ["join_grid", "open_grid", "open_pool"]


@contextmanager
def open_grid(options: Options, *, wait: bool = False) -> "Iterator[Grid]":
    """Join the grid that the options mean.

    Parameters
    ----------
    wait
        Until this machine's node serves; to look at the grid it need not.

    Raises
    ------
    NoAvailableNodesError
        No Ray runs, or no grid of that name in it (exit 3).
    """
    config = cluster_config(options)
    with waiting(options, "Ray answers") as told:
        grid = join_grid(options, config, wait=wait, progress=told)
    try:
        yield grid
    finally:
        grid.close()


def join_grid(
    options: Options,
    config: "ClusterConfig",
    *,
    create: bool = False,
    wait: bool = False,
    progress: "Callable[[str], None] | None" = None,
) -> "Grid":
    """Join a grid, in the Ray that `grid up` started if there is one.

    Parameters
    ----------
    create
        Make the grid where there is none; else fail as `open_grid` does.
    wait
        As `open_grid` does.
    progress
        Called with what is done at the moment.
    """
    given = config if options.config else None
    head = find_head(load_settings(options).directory)
    ours = head is not None and config.gridcache.ray_address == "auto"
    if ours and asks_for_token():
        # Ray takes no token of itself where it is given an address; read at its import.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    from gridcache.cluster.actors.connect import connect  # noqa: PLC0415 - loads ray

    address = head.address if head is not None and ours else None
    return connect(address, config=given, create=create, wait=wait, progress=progress)


@contextmanager
def open_pool(options: Options) -> "Iterator[tuple[Grid, SyncDistributedMemoryPool]]":
    """Join the grid that the options mean, and its pool; fails as `open_grid`."""
    from gridcache.pool import DistributedMemoryPool  # noqa: PLC0415 - loads ray

    with open_grid(options, wait=True) as grid:
        pool = DistributedMemoryPool.sync(grid)
        pool.initialize()
        try:
            yield grid, pool
        finally:
            pool.shutdown()
