"""Loading: published collections, found again by name."""

from typing import Any

from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.describe import NameInfo, info_of
from gridcache.dask.graph import Graph, rebuilt, task
from gridcache.dask.locality import prefer_near
from gridcache.dask.manifest import SHELF, Manifest, read
from gridcache.dask.partitions import Near, fetch_partition
from gridcache.published.handle import Handle
from gridcache.published.keeping import present
from gridcache.published.texts import checked_name, names_of

__all__ = ["info", "load", "loaded", "names", "release"]


def load(name: str, *, cache: GridCache | Handle | str | None = None) -> Any:
    """Open a published collection: lazy, of the type and with the chunks it had.

    In any process, under any scheduler, also when the one that made it is gone.

    Raises
    ------
    NameNotFoundError
        Nothing is published under the name.
    """
    handle = handle_of(cache).renewed()
    return loaded(read(handle.cache, checked_name(name)), handle)


def loaded(manifest: Manifest, handle: Handle) -> Any:
    """The collection of a manifest, lazy."""
    of = f"{manifest.name!r}"
    tasks: Graph = {
        part.key: task(
            part.key, fetch_partition, handle, part.text, of, Near(part.node)
        )
        for part in manifest.parts
    }
    keys = [part.key for part in manifest.parts]
    prefer_near(handle)
    return rebuilt(manifest.collection(), tasks, keys)


def release(name: str, *, cache: GridCache | Handle | str | None = None) -> int:
    """Drop a published collection, and what unfinished runs left under its name.

    Collections that were loaded of it cannot be computed any more.

    Returns
    -------
    int
        Bytes of the partitions that were dropped.

    Raises
    ------
    NameNotFoundError
        Nothing is published or left under the name.
    """
    return SHELF.release(handle_of(cache).renewed(), checked_name(name))


def names(*, cache: GridCache | Handle | str | None = None) -> list[str]:
    """Published names, sorted."""
    return names_of(handle_of(cache).renewed().cache)


def info(name: str, *, cache: GridCache | Handle | str | None = None) -> NameInfo:
    """What is published under a name, and how much of it is there.

    Raises
    ------
    NameNotFoundError
        Nothing is.
    """
    handle = handle_of(cache).renewed()
    manifest = read(handle.cache, checked_name(name))
    return info_of(manifest, present(handle, manifest.texts))
