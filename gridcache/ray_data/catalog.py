"""Catalog: which datasets are published, what they are, and how they end."""

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.keeping import present
from gridcache.published.texts import checked_name, names_of
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.describe import DatasetInfo, info_of
from gridcache.ray_data.manifest import SHELF, read

__all__ = ["info", "names", "release"]


def names(*, cache: GridCache | Handle | str | None = None) -> list[str]:
    """Published names, sorted."""
    return names_of(handle_of(cache).renewed().cache)


def info(name: str, *, cache: GridCache | Handle | str | None = None) -> DatasetInfo:
    """What is published under a name, and how much of it is there.

    Raises
    ------
    NameNotFoundError
        Nothing is.
    """
    handle = handle_of(cache).renewed()
    manifest = read(handle.cache, checked_name(name))
    return info_of(manifest, present(handle, manifest.texts))


def release(name: str, *, cache: GridCache | Handle | str | None = None) -> int:
    """Drop a published dataset, and what unfinished writes left under its name.

    Datasets that were loaded of it cannot be read any more.

    Returns
    -------
    int
        Bytes of the Ray blocks that were dropped.

    Raises
    ------
    NameNotFoundError
        Nothing is published or left under the name.
    """
    return SHELF.release(handle_of(cache).renewed(), checked_name(name))
