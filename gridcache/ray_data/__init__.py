"""Ray Data: named datasets, a spill target, epochs that fill the cache.

::

    import gridcache.ray_data

    clean = gridcache.ray_data.persist(dataset, "clean")   # runs once
    clean = gridcache.ray_data.load("clean")               # in any other job

    for epoch in gridcache.ray_data.iter_epochs(dataset, "train", 3):
        for batch in epoch.iter_batches():                 # the first fills the cache
            ...

    small = gridcache.ray_data.spill(dataset)              # out of Ray's object store

Loading this module does not load Ray; its names do.
"""

from typing import TYPE_CHECKING

from gridcache.lazy import lazy_names

if TYPE_CHECKING:
    from gridcache.ray_data.catalog import info, names, release
    from gridcache.ray_data.datasink import GridDatasink
    from gridcache.ray_data.datasource import GridDatasource
    from gridcache.ray_data.describe import DatasetInfo
    from gridcache.ray_data.epochs import iter_epochs, tee
    from gridcache.ray_data.objectspill import object_spilling
    from gridcache.ray_data.persisting import persist
    from gridcache.ray_data.reading import load
    from gridcache.ray_data.refs import get_ref, put_ref
    from gridcache.ray_data.spilling import spill
    from gridcache.ray_data.staging import stage

__all__ = [
    "DatasetInfo",
    "GridDatasink",
    "GridDatasource",
    "get_ref",
    "info",
    "iter_epochs",
    "load",
    "names",
    "object_spilling",
    "persist",
    "put_ref",
    "release",
    "spill",
    "stage",
    "tee",
]

_HOMES = {
    "DatasetInfo": "gridcache.ray_data.describe",
    "GridDatasink": "gridcache.ray_data.datasink",
    "GridDatasource": "gridcache.ray_data.datasource",
    "get_ref": "gridcache.ray_data.refs",
    "info": "gridcache.ray_data.catalog",
    "iter_epochs": "gridcache.ray_data.epochs",
    "load": "gridcache.ray_data.reading",
    "names": "gridcache.ray_data.catalog",
    "object_spilling": "gridcache.ray_data.objectspill",
    "persist": "gridcache.ray_data.persisting",
    "put_ref": "gridcache.ray_data.refs",
    "release": "gridcache.ray_data.catalog",
    "spill": "gridcache.ray_data.spilling",
    "stage": "gridcache.ray_data.staging",
    "tee": "gridcache.ray_data.epochs",
}
"""Where a name is defined."""

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
