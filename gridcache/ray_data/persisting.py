"""Persisting: a dataset's pipeline runs once, into the grid, under a name.

What is published already and is the same is not run again, in whatever job: the name,
its version, and the digest of its plan where there is one say so.
"""

from copy import copy
from dataclasses import dataclass
from datetime import timedelta

from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.keeping import all_present
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.arguments import check_dataset
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.datasink import GridDatasink
from gridcache.ray_data.identity import plan_or_say
from gridcache.ray_data.lost import Origin
from gridcache.ray_data.manifest import Manifest, find, read
from gridcache.ray_data.ordering import in_order
from gridcache.ray_data.publishing import check_free
from gridcache.ray_data.reading import loaded

__all__ = ["persist"]


def persist(  # noqa: PLR0913 - all but the first two by name
    dataset: Dataset,
    name: str,
    *,
    cache: GridCache | Handle | str | None = None,
    ttl: float | str | timedelta | None = None,
    replicas: int = 1,
    version: str | None = None,
    overwrite: bool = False,
    ordered: bool = False,
    compression: str = "auto",
) -> Dataset:
    """Run a dataset into the grid unless it is there, and publish it under a name.

    Each Ray block is written by the worker that made it, into the memory of its node.
    The second call, in any job, reads and runs no user function.

    Parameters
    ----------
    dataset
        What Ray Data reads and transforms, lazy.
    name
        What any other job can `load` it by.
    cache
        Where it lies: a `GridCache`, or the name of one; None for "ray_data".
    ttl
        How long it lives ("1h" or seconds); None until it is released.
    replicas
        2: each Ray block on two nodes of a grid.
    version
        Names the data's or the code's version. A name that is published with one
        stands for that one only.
    overwrite
        True: run it anyway, and replace what is published once the new is complete.
    ordered
        True: the order of rows is kept, when it is written and whenever it is read.
    compression
        "lz4": at once, where it pays; "auto": as the cache does.

    Returns
    -------
    Dataset
        A lazy dataset that reads from the grid. If Ray blocks are lost it is run
        again when it is next executed, as long as its source is there.

    Raises
    ------
    NameInUseError
        The name stands for another version or plan, and still does.
    ConfigError
        This process is connected by Ray Client, or an argument is of no use.
    """
    check_not_client()
    check_dataset(dataset, "persist")
    handle = handle_of(cache).renewed()
    wish = _Wish(
        GridDatasink(
            name,
            cache=handle,
            ttl=ttl,
            replicas=replicas,
            version=version,
            overwrite=overwrite,
            compression=compression,
            plan=plan_or_say(dataset, name, version),
        ),
        ordered,
    )
    manifest = None if overwrite else wish.found()
    if manifest is None:
        manifest = wish.written(dataset)
    origin = Origin(dataset, wish.not_over_others().written, wish.check)
    return loaded(manifest, handle, ordered=ordered, origin=origin)


@dataclass(frozen=True, slots=True)
class _Wish:
    """What is to stand under the name."""

    sink: GridDatasink
    ordered: bool

    def found(self) -> Manifest | None:
        """What stands there if it is that, and whole.

        Raises
        ------
        NameInUseError
            It is something else.
        """
        handle = self.sink.handle
        found = find(handle.cache, self.sink.wanted.name)
        if found is None:
            return None
        self.check(found)
        return found if all_present(handle, found.texts) else None

    def check(self, found: Manifest) -> None:
        """Check that a manifest is of what was wished for; raises `NameInUseError`."""
        check_free(found, self.sink.wanted)

    def written(self, dataset: Dataset) -> Manifest:
        """Run it, and publish it."""
        with in_order(dataset, ordered=self.ordered):
            dataset.write_datasink(self.sink)
        made = self.sink.manifest
        return made or read(self.sink.handle.cache, self.sink.wanted.name)

    def not_over_others(self) -> "_Wish":
        """The same, for a time when others may have published under the name."""
        sink = copy(self.sink)
        sink.overwrite = False
        return _Wish(sink, self.ordered)
