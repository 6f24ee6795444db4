"""Spilling: a Dask worker's memory goes to idle memory before it goes to disk.

Glossary: *own* memory is the store of the worker's node, *far* memory that of the
others. A spilled value lies in one *block*, which is never evicted and is freed with
the worker's process. A *tier* is memory or disk; the first that takes a value keeps it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gridcache.dask.spill.buffer import GridSpillBuffer
    from gridcache.dask.spill.figures import SpillFigures, spilled
    from gridcache.dask.spill.plugin import SpillPlugin

__all__ = ["GridSpillBuffer", "SpillFigures", "SpillPlugin", "spilled"]

_HOMES = {
    "GridSpillBuffer": "buffer",
    "SpillFigures": "figures",
    "SpillPlugin": "plugin",
    "spilled": "figures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        message = f"module {__name__!r} has no attribute {name!r}"
        raise AttributeError(message)
    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
