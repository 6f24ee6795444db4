"""Spilling: a Dask worker's memory goes to idle memory before it goes to disk.

Glossary: *own* memory is the store of the worker's node, *far* memory that of the
others. A spilled value lies in one *block*, which is never evicted and is freed with
the worker's process. A *tier* is memory or disk; the first that takes a value keeps it.
"""

from typing import TYPE_CHECKING

from gridcache.lazy import lazy_names

if TYPE_CHECKING:
    from gridcache.dask.spill.buffer import GridSpillBuffer
    from gridcache.dask.spill.figures import SpillFigures, spilled
    from gridcache.dask.spill.plugin import SpillPlugin

__all__ = ["GridSpillBuffer", "SpillFigures", "SpillPlugin", "spilled"]

_HOMES = {
    "GridSpillBuffer": "gridcache.dask.spill.buffer",
    "SpillFigures": "gridcache.dask.spill.figures",
    "SpillPlugin": "gridcache.dask.spill.plugin",
    "spilled": "gridcache.dask.spill.figures",
}

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
