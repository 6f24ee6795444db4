"""Reading: published datasets, found again by name and read where they lie.

In order, one read reads everything; else each node's parts are read on that node.
"""

from typing import Any

import ray.data
from ray.data import Dataset

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.texts import checked_name
from gridcache.ray_data.address import handle_of
from gridcache.ray_data.clientcheck import check_not_client
from gridcache.ray_data.datasource import GridDatasource
from gridcache.ray_data.lost import Origin
from gridcache.ray_data.manifest import Manifest, read
from gridcache.ray_data.places import Place, Share, cpus, places
from gridcache.ray_data.snapshots import Snapshots

__all__ = ["load", "loaded", "opened"]

_TASK_NBYTES = 32 << 20
"""A task for less costs more than it reads."""
_LEAST_NBYTES = 1 << 20
"""Nor is it worth a task of its own to keep every CPU busy."""
_TASKS_A_CPU = 4
"""So that what follows the read has work for every CPU, however uneven."""


def load(
    name: str,
    *,
    cache: GridCache | Handle | str | None = None,
    ordered: bool = False,
) -> Dataset:
    """Open a published dataset: lazy, in any job.

    Each execution reads what the name stands for when it begins.

    Parameters
    ----------
    name
        What it is published under.
    cache
        Where it lies: a `GridCache`, or the name of one; None for "ray_data".
    ordered
        True: rows come in the order in which they were written, from whatever node.
        False: each node's are read there, and come as they are ready.

    Raises
    ------
    NameNotFoundError
        Nothing is published under the name.
    ConfigError
        This process is connected by Ray Client.
    """
    check_not_client()
    handle = handle_of(cache).renewed()
    manifest = read(handle.cache, checked_name(name))
    return loaded(manifest, handle, ordered=ordered)


def loaded(
    manifest: Manifest,
    handle: Handle,
    *,
    ordered: bool = False,
    origin: Origin | None = None,
) -> Dataset:
    """The dataset of a manifest that is published, lazy."""
    return opened(Snapshots(handle, manifest, origin), ordered=ordered)


def opened(snapshots: Snapshots, *, ordered: bool = False) -> Dataset:
    """A dataset of snapshots, lazy."""
    manifest = snapshots.latest
    found = () if ordered else places(manifest, snapshots.handle)
    if found:
        reads = [_read_on(place, snapshots, found) for place in found]
        dataset = reads[0].union(*reads[1:]) if len(reads) > 1 else reads[0]
    else:
        dataset = _read(snapshots, Share(), cpus())
    if ordered:
        # A copy of its own, which datasets made of this one share.
        dataset.context.execution_options.preserve_order = True
    return _with_figures(dataset, snapshots)


def _read_on(place: Place, snapshots: Snapshots, found: tuple[Place, ...]) -> Dataset:
    nodes = tuple(one.node for one in found)
    share = Share(nodes, nodes.index(place.node))
    return _read(snapshots, share, place.cpus, **place.options)


def _read(
    snapshots: Snapshots, share: Share, processors: int, **options: Any
) -> Dataset:
    parts = share.of(snapshots.latest)
    nbytes = sum(part.nbytes for _, part in parts)
    wanted = min(processors * _TASKS_A_CPU, nbytes // _LEAST_NBYTES)
    tasks = max(1, wanted, nbytes // _TASK_NBYTES)
    if share.nodes:
        # Where a node seems busy Ray reads on another: so no more at a time than it
        # has CPUs, and each asks for half of one.
        options["num_cpus"] = 0.5
        if tasks > processors:
            options["concurrency"] = processors
    read_it: Dataset = ray.data.read_datasource(
        GridDatasource.of(snapshots, share),
        # By itself Ray Data would cut a dataset of few parts into 200 blocks.
        override_num_blocks=tasks,
        **options,
    )
    return read_it


def _with_figures(dataset: Dataset, snapshots: Snapshots) -> Dataset:
    """Have it say its size by what is published: a union would run to find out."""
    for name, figure in (("count", snapshots.rows), ("size_bytes", snapshots.nbytes)):
        setattr(dataset, name, figure)
    return dataset
