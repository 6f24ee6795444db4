"""Names, write-through and `cached()` on top of one another."""

from collections.abc import Iterator

import dask
import dask.array as da
import numpy as np
import pytest

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import NameInUseError
from tests.dask.kit.collections import array, assert_same, frame
from tests.dask.kit.notes import Log

persist, load, release = (
    gridcache.dask.persist,
    gridcache.dask.load,
    gridcache.dask.release,
)


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    with dask.config.set(scheduler="threads"):
        yield


def test_names_are_made_of_names(cache: GridCache, log: Log) -> None:
    persist(array(log), "one", cache=cache)
    persist(load("one", cache=cache) * 2, "two", cache=cache)
    log.clear()
    total = float(load("two", cache=cache).sum().compute())
    assert total == 2 * 2016
    assert log.count == 0


def test_what_is_made_of_a_loaded_name_is_known_by_that_name(
    cache: GridCache, log: Log
) -> None:
    persist(array(log), "one", cache=cache)
    persist(load("one", cache=cache) + 1, "two", cache=cache)
    persist(load("one", cache=cache) + 1, "two", cache=cache)
    with pytest.raises(NameInUseError):
        persist(array(log) + 1, "two", cache=cache)
    persist(array(log) + 1, "one", cache=cache, overwrite=True)
    with pytest.raises(NameInUseError):
        persist(load("one", cache=cache) + 1, "two", cache=cache)


def test_a_cached_collection_is_published_without_a_second_computation(
    cache: GridCache, log: Log
) -> None:
    kept = gridcache.dask.cache(frame(log), cache=cache)
    wanted = kept.compute()
    assert_same(persist(kept, "it", cache=cache).compute(), wanted)
    assert log.count == 4


def test_publishing_inside_cached_stores_each_time(cache: GridCache, log: Log) -> None:
    """What stores must run, although it was run before with the same."""
    with gridcache.dask.cached(cache=cache, min_seconds_per_byte=0):
        for _ in range(2):
            kept = persist(array(log), "it", cache=cache)
            assert gridcache.dask.info("it", cache=cache).complete
            assert float(kept.sum().compute()) == 2016
            release("it", cache=cache)


def test_write_through_inside_cached_is_right_after_an_eviction(
    cache: GridCache, log: Log
) -> None:
    kept = gridcache.dask.cache(array(log).sum(), cache=cache)
    with gridcache.dask.cached(cache=cache, min_seconds_per_byte=0):
        for _ in range(2):
            assert float(kept.compute()) == 2016
        cache.clear()
        assert float(kept.compute()) == 2016


def test_a_plain_array_of_the_same_numbers_is_not_the_same(cache: GridCache) -> None:
    """Square matrices and their transposes have one token in Dask."""

    matrix = np.arange(16.0).reshape(4, 4)
    for name, data in (("matrix", matrix), ("transposed", matrix.T)):
        kept = persist(da.from_array(data, chunks=2), name, cache=cache)
        np.testing.assert_array_equal(kept.compute(), data)
