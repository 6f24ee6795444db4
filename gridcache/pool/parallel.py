"""Parallel: several nodes at once, so that a batch costs one round trip."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from gridcache.errors import GridCacheError

__all__ = ["at_once"]

K = TypeVar("K")
T = TypeVar("T")
_MOST = 32


def at_once(work: Mapping[K, Callable[[], T]]) -> dict[K, T | GridCacheError]:
    """Each result by its key; an error of ours stands where a result would."""
    if len(work) <= 1:
        return {key: _attempt(call) for key, call in work.items()}
    with ThreadPoolExecutor(min(len(work), _MOST), "gridcache-pool") as threads:
        results = threads.map(_attempt, work.values())
        return dict(zip(work, results, strict=True))


def _attempt(call: Callable[[], T]) -> T | GridCacheError:
    try:
        return call()
    except GridCacheError as error:
        return error
