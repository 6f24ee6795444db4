"""Opening: the memory of a worker's spilled values, from what a user chose."""

import os
import secrets
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress

from gridcache.attach import UNSET, Wishes, attach, hold
from gridcache.cluster.blocks.idle import IdleMemory
from gridcache.cluster.client.local import local_of
from gridcache.cluster.home.naming import is_served, read_facts
from gridcache.cluster.home.standing import is_installed
from gridcache.dask.spill.memory import SpillMemory
from gridcache.dask.spill.options import SpillOptions
from gridcache.dask.spill.others import OthersMemory
from gridcache.dask.spill.own import OwnMemory
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store

__all__ = ["open_memory"]

_SHARE = 2
"""Of the store's bytes a worker may have one in so many, unless it says otherwise."""


def open_memory(options: SpillOptions, worker: str) -> SpillMemory:
    """Open the store of this machine or node for a worker.

    Parameters
    ----------
    worker
        What people know it by.

    Raises
    ------
    GridCacheError
        There is no such store, or it cannot be made.
    """
    store = attach(_wishes(options)).store
    pool = f"dask-spill {worker} {secrets.token_hex(4)}"
    half = store.capacity_nbytes // _SHARE
    most = half if options.max_bytes is None else options.max_bytes
    try:
        own = OwnMemory(store, pool, most)
    except BaseException:
        close_store(store)
        raise
    others = _others(options, store, pool)
    memory = SpillMemory(own, others)
    release = hold(own, store)
    freed = (os.getpid(), own, others, release)
    collected = weakref.finalize(memory, _free_aside, *freed)
    collected.atexit = False  # then this process ends, and its blocks with it

    def close() -> None:
        collected.detach()
        release()

    memory.on_close(close)
    return memory


def _others(options: SpillOptions, store: NodeStore, pool: str) -> OthersMemory | None:
    if not options.others or options.grid is None:
        return None

    def reach() -> IdleMemory | None:
        directory = store.directory
        if not (read_facts(directory) and is_served(directory)):
            return None
        return IdleMemory(local_of(store), pool) if is_installed(directory) else None

    return OthersMemory(reach)


def _free_aside(
    pid: int, own: OwnMemory, others: OthersMemory | None, release: Callable[[], None]
) -> None:
    """Free what a collected memory had; it may be collected in a transaction."""
    if os.getpid() != pid:
        return  # a forked child's copy

    def free() -> None:
        with suppress(Exception):  # a store that fails: this process's end frees it
            if others is not None:
                others.close()
            own.close()
        release()

    threading.Thread(target=free, name="gridcache-spill-end", daemon=True).start()


def _wishes(options: SpillOptions) -> Wishes:
    return Wishes(
        name="dask",
        capacity=None,
        quota=None,
        policy=UNSET,
        compression=UNSET,
        ttl=UNSET,
        path=options.path,
        allow_pickle=UNSET,
        durable=False,
        grid=options.grid,
    )
