"""One place: that all workers of a Dask cluster and its client see the same cache."""

from collections.abc import Iterable, Mapping
from typing import Any

from gridcache.dask.partitions import Receipt
from gridcache.errors import NoAvailableNodesError
from gridcache.published.handle import Handle

__all__ = ["acheck_one_place", "check_one_place", "check_receipts"]


def check_one_place(client: Any, handle: Handle) -> None:
    """Check it.

    Raises
    ------
    NoAvailableNodesError
        They see different stores: what one writes the others would not find.
    """
    _check(client.run(_store, handle), handle)


async def acheck_one_place(client: Any, handle: Handle) -> None:
    """Like `check_one_place`, with an asynchronous client."""
    _check(await client.run(_store, handle), handle)


def check_receipts(receipts: Iterable[Receipt], handle: Handle) -> None:
    """Check it afterwards: some schedulers do not say beforehand who will work.

    Raises
    ------
    NoAvailableNodesError
        What was stored lies where this process does not find it.
    """
    _check({f"on {one.node}": one.store for one in receipts}, handle)


def _store(handle: Handle) -> str:
    return handle.renewed().store


def _check(stores: Mapping[str, str], handle: Handle) -> None:
    if len({handle.store, *stores.values()}) == 1:
        return
    odd = [worker for worker, store in stores.items() if store != handle.store]
    message = (
        f"{len(odd)} of {len(stores)} workers of Dask see another store than this "
        f"process (the first is {odd[0]}): they are on other machines, or have another "
        f"GRIDCACHE_DIRECTORY. Make one grid of the machines with `grid up` (see "
        f"`grid up --help`), on each of them"
    )
    raise NoAvailableNodesError(message, workers=odd)
