"""What was loaded or cached is what was computed."""

from typing import Any

import dask
import dask.array as da
import pytest

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


def test_a_loaded_collection_has_the_identities_of_the_original(
    cache: GridCache,
) -> None:
    gridcache.dask.persist(made(), "numbers", cache=cache)
    loaded = gridcache.dask.load("numbers", cache=cache)
    assert ids(loaded) == ids(made())
    assert ids((loaded + 1).sum()) == ids((made() + 1).sum())


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
