"""Dask: persist by name, spill into idle memory, cache what is worth it.

::

    import gridcache.dask

    clean = gridcache.dask.persist(frame, "clean")  # computed once
    clean = gridcache.dask.load("clean")            # in any other process

    with gridcache.dask.cached():                   # results that are worth it
        frame.groupby("user").size().compute()

    client.register_plugin(gridcache.dask.SpillPlugin())

Works with the threaded, synchronous, process and distributed schedulers and with
Dask on Ray. Loading this module loads Dask; the scheduler's parts only where used.
"""

from typing import TYPE_CHECKING

from gridcache.lazy import lazy_names

if TYPE_CHECKING:
    from gridcache.dask.describe import NameInfo
    from gridcache.dask.loading import info, load, names, release
    from gridcache.dask.opportunistic.context import cached
    from gridcache.dask.opportunistic.figures import CachedStats
    from gridcache.dask.opportunistic.grid import GridScheduler
    from gridcache.dask.opportunistic.outlook import Outlook, plan
    from gridcache.dask.persisting import apersist, persist
    from gridcache.dask.recovery import RecoveryPlugin
    from gridcache.dask.spill import SpillPlugin
    from gridcache.dask.writethrough import cache

__all__ = [
    "CachedStats",
    "GridScheduler",
    "NameInfo",
    "Outlook",
    "RecoveryPlugin",
    "SpillPlugin",
    "apersist",
    "cache",
    "cached",
    "info",
    "load",
    "names",
    "persist",
    "plan",
    "release",
]

_HOMES = {
    "CachedStats": "gridcache.dask.opportunistic.figures",
    "GridScheduler": "gridcache.dask.opportunistic.grid",
    "NameInfo": "gridcache.dask.describe",
    "Outlook": "gridcache.dask.opportunistic.outlook",
    "RecoveryPlugin": "gridcache.dask.recovery",
    "SpillPlugin": "gridcache.dask.spill",
    "apersist": "gridcache.dask.persisting",
    "cache": "gridcache.dask.writethrough",
    "cached": "gridcache.dask.opportunistic.context",
    "info": "gridcache.dask.loading",
    "load": "gridcache.dask.loading",
    "names": "gridcache.dask.loading",
    "persist": "gridcache.dask.persisting",
    "plan": "gridcache.dask.opportunistic.outlook",
    "release": "gridcache.dask.loading",
}
"""Where a name is defined."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
