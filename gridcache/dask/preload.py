"""Preload: spilling and recovery for workers that are started by hand.

::

    dask worker tcp://... --preload gridcache.dask.preload

or for all by Dask's setting `distributed.worker.preload`. Options are Dask settings
below `gridcache.spill`, those of `gridcache.dask.SpillPlugin`:
`DASK_GRIDCACHE__SPILL__MAX_BYTES=4GiB`. A scheduler that preloads it has a page
`/gridcache` in its dashboard.
"""

import logging
from typing import Any

import dask
from distributed import Scheduler, Worker

from gridcache.dask.dashboard import add_routes
from gridcache.dask.recovery import RecoveryPlugin
from gridcache.dask.spill.plugin import SpillPlugin
from gridcache.errors import GridCacheError

__all__ = ["dask_setup"]

_logger = logging.getLogger("distributed.worker.gridcache")


async def dask_setup(server: Worker | Scheduler) -> None:
    """Set a worker or a scheduler up; one that cannot is told why, and works on."""
    if isinstance(server, Scheduler):
        add_routes(server)
        return
    options: dict[str, Any] = dask.config.get("gridcache.spill", None) or {}
    try:
        await server.plugin_add(SpillPlugin(**options), catch_errors=False)
    except (GridCacheError, OSError) as error:
        _logger.warning("%s spills to disk alone: %s", server.name, error)
    else:
        await server.plugin_add(RecoveryPlugin())
