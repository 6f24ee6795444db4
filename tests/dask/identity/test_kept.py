"""What was loaded or cached is known by what it is kept under."""

import random
from typing import Any

import dask
import dask.array as da
import pytest
from dask.delayed import delayed

import gridcache.dask
from gridcache import GridCache
from gridcache.dask.graph import task
from gridcache.dask.identity import identities
from gridcache.dask.partitions import store_partition
from tests.dask.identity.kit import found, ids

SCHEDULER = "sync"


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    with dask.config.set(scheduler=SCHEDULER):
        yield


def made() -> Any:
    return da.arange(8, chunks=4) * 2


def test_a_loaded_collection_is_known_by_its_name_and_what_it_is(
    cache: GridCache,
) -> None:
    for name in ("numbers", "copy"):
        gridcache.dask.persist(made(), name, cache=cache)
    loaded = gridcache.dask.load("numbers", cache=cache)
    again = gridcache.dask.load("numbers", cache=cache)
    copy = gridcache.dask.load("copy", cache=cache)
    assert ids(loaded + 1) == ids(again + 1) != ids(copy + 1)
    assert len(set(ids(loaded))) == 2


def test_two_values_of_an_impure_task_are_two(cache: GridCache) -> None:
    loaded = []
    for name in ("one", "other"):
        gridcache.dask.persist(delayed(random.random)(), name, cache=cache)
        loaded.append(gridcache.dask.load(name, cache=cache))
    assert ids(loaded[0]) != ids(loaded[1])


def test_a_cached_collection_has_them_whether_it_is_there_or_not(
    cache: GridCache,
) -> None:
    for _ in range(2):
        kept = gridcache.dask.cache(made().sum(), cache=cache)
        assert ids(kept + 1) == ids(made().sum() + 1)
        repr(dict(kept.__dask_graph__()))
        assert ids(kept + 1) == ids(made().sum() + 1)
        kept.compute()


def test_storing_is_acting() -> None:
    keys, _ = found(made())
    node = task("out", store_partition, None, "text", None, of=keys[0])
    assert identities({"out": node}, ["out"]).effects == {"out"}
