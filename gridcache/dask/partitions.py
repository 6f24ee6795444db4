"""Partitions: what runs inside tasks, next to the data.

A value goes into the store of the node that computed it; what comes back from a task
is a receipt. Nothing here knows of graphs or names.
"""

import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from gridcache.advice import advise
from gridcache.errors import ImmutableKeyError, KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, fetched, nbytes_of
from gridcache.views import ABSENT

__all__ = [
    "Near",
    "Receipt",
    "copy_partition",
    "fetch_partition",
    "keep_partition",
    "pass_partition",
    "store_partition",
]


@dataclass(frozen=True, slots=True)
class Receipt:
    """What the client learns of a stored partition."""

    text: str
    nbytes: int
    """As encoded, before compression; 0 if that is not known."""
    node: str
    """That computed it."""
    store: str
    """That it was written to, as `Handle.store`."""
    seconds: float
    """That storing took."""


def store_partition(value: Any, handle: Handle, text: str, keeping: Keeping) -> Receipt:
    """Store what was just computed."""
    began_s = time.perf_counter()
    # Somebody else may have stored the same partition of a computation that does not
    # give the same bytes each time: the first stands, for everybody.
    with suppress(ImmutableKeyError):
        handle.cache.put(text, value, **keeping.options())
    seconds = time.perf_counter() - began_s
    return Receipt(text, nbytes_of(handle, text), handle.node, handle.store, seconds)


def copy_partition(handle: Handle, text: str, of: str, keeping: Keeping) -> Receipt:
    """Store a partition once more that is kept with too few copies."""
    return store_partition(fetch_partition(handle, text, of), handle, text, keeping)


class Near(str):
    """A node that has a partition: where it lies is no part of what it is."""

    __slots__ = ()

    def __gridcache_key__(self) -> str:
        return "near"


def fetch_partition(handle: Handle, text: str, of: str, near: str = "") -> Any:
    """Read a partition.

    In a Dask worker as a private copy: Dask counts it as its own, and the pages of a
    mapped view would look like a leak to it. Elsewhere large arrays are read-only
    views of the shared memory.

    Parameters
    ----------
    of
        What it is a partition of, for the error.
    near
        The node that stored it: a hint for Dask (`gridcache.dask.locality`).

    Raises
    ------
    KeyNotFoundError
        It is gone; says why.
    """
    value = fetched(handle, text, copy=in_worker())
    if value is ABSENT:
        why = handle.cache.explain(text)
        message = (
            f"a partition of {of} is not in the grid any more ({why.text}); compute it "
            f"again with gridcache.dask.persist(collection, name): only what is "
            f"missing is computed"
        )
        raise KeyNotFoundError(message, key=text, reason=str(why.reason or ""))
    return value


def pass_partition(
    value: Any,
    handle: Handle,
    text: str,
    keeping: Keeping,
    of: str,
    looked: object = False,
) -> Any:
    """Store what was just computed, and hand it on; a cache never fails a task.

    Parameters
    ----------
    of
        As for `fetch_partition`.
    looked
        True: nothing was computed, since everything was found.
    """
    if looked:
        return fetch_partition(handle, text, of)
    try:
        store_partition(value, handle, text, keeping)
    except Exception as error:  # noqa: BLE001 - whatever it is, the value is right
        advise(f"a partition was not cached: {error}")
    return value


def keep_partition(
    handle: Handle,
    text: str,
    keeping: Keeping,
    compute: Callable[..., Any],
    *inputs: Any,
) -> Any:
    """Read a partition, or compute and store it: once, of all that ask at a time."""
    return handle.cache.get_or_compute(
        text,
        partial(compute, *inputs),
        ttl=keeping.ttl_s,
        immutable=True,
        copy=in_worker(),
    )


def in_worker() -> bool:
    """True in a task of a Dask worker."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True
