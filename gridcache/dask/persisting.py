"""Persisting: a collection's partitions into the grid, published under a name.

What is there already is not computed again, so that a run that broke off goes on where
it stopped. Only receipts come back to the client.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.job import Job, Wish, prepared
from gridcache.dask.loading import loaded
from gridcache.dask.locality import aprefer_near, prefer_near
from gridcache.dask.oneplace import acheck_one_place, check_one_place
from gridcache.dask.progress import bar
from gridcache.dask.running import (
    arun,
    awaited_client,
    client_of,
    run,
    scheduler_for,
)
from gridcache.errors import OutOfSpaceError
from gridcache.published.handle import Handle

__all__ = ["apersist", "persist"]


def persist(  # noqa: PLR0913 - all but the first two by name
    collection: Any,
    name: str | None = None,
    *,
    cache: GridCache | Handle | str | None = None,
    ttl: float | str | timedelta | None = None,
    replicas: int = 1,
    version: str | None = None,
    overwrite: bool = False,
    scheduler: Any = None,
    progress: bool | None = None,
) -> Any:
    """Compute a collection into the grid, and publish it under a name.

    Every partition is written by the worker that made it, into the memory of its
    node. Those that are there already are not computed again.

    Parameters
    ----------
    collection
        A Dask array, dataframe, series, bag, delayed value or an xarray object.
    name
        What any other process can `load` it by; None for one made of what computes it.
    cache
        Where it lies: a `GridCache`, or the name of one; None for "dask".
    ttl
        How long it lives ("1h" or seconds); None until it is released.
    replicas
        Copies of each partition on different nodes of a grid.
    version
        Names what Dask cannot see: the data's or the code's version. A name that is
        published with one stands for that one only. With a name it vouches for inputs
        that have no identity of their own, too: what Dask holds on its workers, an
        object that cannot be digested.
    overwrite
        True: replace what is published under the name once the new is complete.
    scheduler
        As for `compute`; None for the one in use.
    progress
        Whether to show a bar; None: in a terminal or a notebook.

    Returns
    -------
    Any
        A lazy collection of the same type that reads from the grid.

    Raises
    ------
    NameInUseError
        The name stands for another computation, and still does.
    NoAvailableNodesError
        The workers are on several machines and there is no grid.
    OutOfSpaceError, ValueTooLargeError
        The partitions do not fit; those that were stored stay, and the name is not
        published: the same call goes on from there.
    """
    handle, wish = handle_of(cache), Wish(name, ttl, replicas, version, overwrite)
    schedule = scheduler_for(collection, scheduler)
    client = client_of(schedule)
    job = prepared(collection, handle.renewed(), wish)
    while not job.done:
        if job.missing or job.thin:
            if client is not None:
                check_one_place(client, handle)
                prefer_near(handle, client)
            graph, wanted = job.tasks()
            with _placed(job), bar(job.title, len(wanted), wanted=progress) as advance:
                job = job.after(run(schedule, graph, wanted, advance))
        job = job.published()
    return loaded(job.manifest, handle)


async def apersist(collection: Any, name: str | None = None, **options: Any) -> Any:
    """Like `persist` without blocking the loop; options as for that.

    Needed with an asynchronous Dask client; with all others it waits in a thread.
    """
    client = awaited_client(options.get("scheduler"))
    if client is None:
        return await asyncio.to_thread(persist, collection, name, **options)
    handle = handle_of(options.pop("cache", None))
    progress = options.pop("progress", None)
    options.pop("scheduler", None)
    wish = Wish(name, **options)
    job: Job = await asyncio.to_thread(prepared, collection, handle.renewed(), wish)
    while not job.done:
        if job.missing or job.thin:
            await acheck_one_place(client, handle)
            await aprefer_near(handle, client)
            graph, wanted = job.tasks()
            with _placed(job), bar(job.title, len(wanted), wanted=progress) as advance:
                job = job.after(await arun(client, graph, wanted, advance))
        job = await asyncio.to_thread(job.published)
    return loaded(job.manifest, handle)


@contextmanager
def _placed(job: Job) -> Iterator[None]:
    """Say of what finds no place what it was for."""
    try:
        yield
    except OutOfSpaceError as error:
        raise job.does_not_fit(error) from error
