"""Spilling: a dataset's intermediate result leaves Ray's object store for the grid.

It is written as a published dataset is, but stands under no name: the dataset that
reads it is all there is of it. Its parts live for a short while, which a thread of
this process renews as long as somebody here has that dataset or one made of it. So
they go when it is collected, when the process ends, and some time after a kill.

Not covered: what is made again when a node is lost, which would need the source, and
keep Ray's object store from being freed; `gridcache.ray_data.persist` does that.
"""

import weakref
from uuid import uuid4

from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.datasink import GridDatasink
from gridcache.ray_data.manifest import Manifest
from gridcache.ray_data.ordering import in_order
from gridcache.ray_data.plans import plan_digest
from gridcache.ray_data.reading import opened
from gridcache.ray_data.snapshots import Snapshots
from gridcache.ray_data.tenure import Tenure

__all__ = ["spill"]


def spill(
    dataset: Dataset,
    *,
    cache: GridCache | Handle | str | None = None,
    ordered: bool = False,
    compression: str = "auto",
) -> Dataset:
    """Run a dataset into the grid; what reads it needs no room in Ray's object store.

    For an intermediate result that is used more than once, instead of `materialize`.
    It goes to idle memory of the grid's nodes, and to their disks where those are full.

    Parameters
    ----------
    dataset
        What Ray Data reads and transforms, lazy.
    cache
        Where it is to lie: a `GridCache`, or the name of one; None for "ray_data".
    ordered
        True: the order of rows is kept, when it is written and whenever it is read.
    compression
        "lz4": at once, where it pays; "auto": as the cache does.

    Returns
    -------
    Dataset
        A lazy dataset that reads from the grid, in this job. What is there goes when
        it and all datasets made of it are collected, or when this process ends; an
        execution that has begun keeps it.

    Raises
    ------
    TypeError
        It is no dataset of Ray Data.
    ConfigError
        This process is connected by Ray Client.
    """
    given: object = dataset
    if not isinstance(given, Dataset):
        message = f"spill takes a ray.data.Dataset, not a {type(given).__name__}"
        raise TypeError(message)
    check_not_client()
    sink = _Sink(
        f"spill-{uuid4().hex}",
        cache=handle_of(cache).renewed(),
        compression=compression,
        plan=plan_digest(dataset),
    )
    with in_order(dataset, ordered=ordered):
        dataset.write_datasink(sink)
    return opened(sink.snapshots(), ordered=ordered)


class _Sink(GridDatasink):
    """Publishes nothing, and stays in office while somebody reads."""

    def conclude(self, manifest: Manifest) -> None:
        """All parts are there."""
        self.manifest = manifest

    def snapshots(self) -> Snapshots:
        """What was written, for as long as this is held."""
        # Ray Data does not even begin to write nothing.
        manifest = self.manifest or self.wanted
        made = Snapshots(self.handle, manifest, follows=False)
        # Not an attribute: what reads is pickled to where its tasks are made.
        weakref.finalize(made, list[Tenure | None].clear, [self._tenure])
        self._tenure = None
        return made
