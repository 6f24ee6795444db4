"""Opening: the store that an IO worker's environment names, for its raylet."""

import os
import warnings
from collections.abc import Mapping
from pathlib import Path

from gridcache.attach import UNSET, Wishes, attach
from gridcache.errors import ConfigError
from gridcache.ray_data.objectspill.labels import raylet_of
from gridcache.ray_data.objectspill.leftovers import at_the_end_of, free_leftovers
from gridcache.ray_data.objectspill.memory import SpilledMemory
from gridcache.ray_data.objectspill.place import Place
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store

__all__ = ["open_memory", "open_store_of"]


def open_memory(environment: Mapping[str, str], links: Path) -> SpilledMemory:
    """Open the store of this node for the raylet that started this process.

    Raises
    ------
    GridCacheError
        It cannot be opened, or is on disk.
    """
    place, raylet = Place.of(environment), raylet_of(os.getppid())
    if raylet is None:
        message = "the raylet that started this IO worker is gone"
        raise ConfigError(message)
    store = open_store_of(place)
    free_leftovers(store.blocks, raylet, links)
    at_the_end_of(raylet, lambda: free_leftovers(store.blocks))
    most = place.max_nbytes or store.capacity_nbytes
    return SpilledMemory(store, links, raylet, most)


def open_store_of(place: Place) -> NodeStore:
    """Open the store of a place, make it if there is none; needs a `close_store`.

    Raises
    ------
    GridCacheError
        It cannot be opened, or is on disk: there a file does as well, and an index
        that is made anew forgets blocks.
    """
    with warnings.catch_warnings():
        # That the store is there and has another size: said to each IO worker.
        warnings.simplefilter("ignore")
        store = attach(_wishes(place)).store
    if store.on_disk:
        directory = store.directory
        close_store(store)
        message = (
            f"the store at {directory} is on disk, where Ray's own spilling goes; "
            f"choose a path in memory (below /dev/shm)"
        )
        raise ConfigError(message, path=str(directory))
    return store


def _wishes(place: Place) -> Wishes:
    return Wishes(
        name="ray_data",
        capacity=place.capacity_nbytes or None,
        quota=None,
        policy=UNSET,
        compression=UNSET,
        ttl=UNSET,
        path=place.path or None,
        allow_pickle=UNSET,
        durable=False,
        grid=place.grid or None,
    )
