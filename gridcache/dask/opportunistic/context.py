"""Context: the block in which results that are worth it are kept and found."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import dask

from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.opportunistic.admission import (
    MIN_SECONDS,
    MIN_SECONDS_PER_BYTE,
    Admission,
)
from gridcache.dask.opportunistic.figures import CachedStats
from gridcache.dask.opportunistic.scheduler import CachedScheduler
from gridcache.dask.opportunistic.timed import Rules
from gridcache.published.handle import Handle
from gridcache.values import ttl_seconds

__all__ = ["cached"]


@contextmanager
def cached(
    cache: GridCache | Handle | str | None = None,
    *,
    min_seconds_per_byte: float = MIN_SECONDS_PER_BYTE,
    min_seconds: float = MIN_SECONDS,
    salt: str = "",
    ttl: float | str | timedelta | None = None,
    scheduler: Any = None,
) -> Iterator[CachedStats]:
    """Compute what is not there, and keep what is worth it.

    In the block every `compute` and `persist` of Dask looks first which results of
    its tasks are in the cache, computes the others, and keeps those that took long
    for their size. Nothing is named; what is kept may be evicted, and is computed
    again then.

    Parameters
    ----------
    cache
        Where: a `GridCache`, or the name of one; None for "dask".
    min_seconds_per_byte
        Results that were made quicker are not kept; neither are those that took less
        than `min_seconds`.
    salt
        A version of whatever Dask cannot see, such as that of a file's contents.
    ttl
        How long results live ("1h" or seconds); None: until they are evicted.
    scheduler
        The scheduler beneath; None for what Dask would have used.

    Yields
    ------
    CachedStats
        Hits, misses, what was stored and what was saved.
    """
    handle = handle_of(cache)
    admission = Admission(min_seconds, min_seconds_per_byte)
    rules = Rules(handle, admission, ttl_seconds(ttl))
    figures = CachedStats(handle)
    base = dask.config.get("scheduler", None) if scheduler is None else scheduler
    ours = CachedScheduler(rules, salt=salt, base=base, figures=figures)
    try:
        with dask.config.set(scheduler=ours):
            yield figures
    finally:
        ours.closed = True
