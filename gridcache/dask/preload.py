"""Preload: spilling for workers that are started by hand.

::

    dask worker tcp://... --preload gridcache.dask.preload

or for all by Dask's setting `distributed.worker.preload`. Options are Dask settings
below `gridcache.spill`, those of `gridcache.dask.spill.SpillPlugin`:
`DASK_GRIDCACHE__SPILL__MAX_BYTES=4GiB`.
"""

import logging
from typing import Any

import dask
from distributed import Worker

from gridcache.dask.spill.plugin import SpillPlugin
from gridcache.errors import GridCacheError

__all__ = ["dask_setup"]

_logger = logging.getLogger("gridcache")


async def dask_setup(worker: Worker) -> None:
    """Begin to spill to memory; a worker that cannot is told why, and works on."""
    options: dict[str, Any] = dask.config.get("gridcache.spill", None) or {}
    try:
        await worker.plugin_add(SpillPlugin(**options), catch_errors=False)
    except (GridCacheError, OSError) as error:
        _logger.warning("%s spills to disk alone: %s", worker.name, error)
