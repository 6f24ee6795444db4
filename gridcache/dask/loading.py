"""Loading: published collections, found again by name."""

from typing import Any

from gridcache.cache import GridCache
from gridcache.dask.describe import NameInfo, info_of
from gridcache.dask.graph import Graph, rebuilt, task
from gridcache.dask.handle import Handle
from gridcache.dask.manifest import Manifest, read, withdraw
from gridcache.dask.partitions import fetch_partition, present
from gridcache.dask.texts import checked_name, names_of, parts_of

__all__ = ["info", "load", "loaded", "names", "release"]


def load(name: str, *, cache: GridCache | Handle | str | None = None) -> Any:
    """Open a published collection: lazy, of the type and with the chunks it had.

    In any process, under any scheduler, also when the one that made it is gone.

    Raises
    ------
    NameNotFoundError
        Nothing is published under the name.
    """
    handle = Handle.of(cache)
    return loaded(read(handle.cache, checked_name(name)), handle)


def loaded(manifest: Manifest, handle: Handle) -> Any:
    """The collection of a manifest, lazy."""
    of = f"{manifest.name!r}"
    tasks: Graph = {
        part.key: task(part.key, fetch_partition, handle, part.text, of)
        for part in manifest.parts
    }
    keys = [part.key for part in manifest.parts]
    return rebuilt(manifest.collection(), tasks, keys)


def release(name: str, *, cache: GridCache | Handle | str | None = None) -> int:
    """Drop a published collection, and what unfinished runs left under its name.

    Collections that were loaded of it cannot be computed any more.

    Returns
    -------
    int
        Bytes that are free again.

    Raises
    ------
    NameNotFoundError
        Nothing is published or left under the name.
    """
    opened = Handle.of(cache).cache
    texts = list(parts_of(opened, checked_name(name)))
    if not texts:
        read(opened, name)
    nbytes = sum(_nbytes(opened, text) for text in texts)
    withdraw(opened, name)
    opened.delete_many(texts)
    return nbytes


def _nbytes(cache: GridCache, text: str) -> int:
    found = cache.info(text)
    return found.stored_nbytes if found is not None else 0


def names(*, cache: GridCache | Handle | str | None = None) -> list[str]:
    """Published names, sorted."""
    return names_of(Handle.of(cache).cache)


def info(name: str, *, cache: GridCache | Handle | str | None = None) -> NameInfo:
    """What is published under a name, and how much of it is there.

    Raises
    ------
    NameNotFoundError
        Nothing is.
    """
    handle = Handle.of(cache)
    manifest = read(handle.cache, checked_name(name))
    return info_of(manifest, present(handle, manifest.texts))
