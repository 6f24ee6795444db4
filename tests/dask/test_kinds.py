"""Every kind of collection on every scheduler that Dask has."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import dask
import pytest
from dask.base import compute

import gridcache.dask
from gridcache import GridCache
from tests.dask.kit.collections import KINDS, assert_same, described
from tests.dask.kit.notes import Log


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes for Dask's scheduler of that name; made once, since that is slow."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as made:
        yield made


@pytest.fixture(params=["sync", "threads", "processes", "workers"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each scheduler in turn is the one in use."""
    if request.param == "workers":
        request.getfixturevalue("workers")
        yield
        return
    options: dict[str, Any] = {"scheduler": request.param}
    if request.param == "processes":
        options["pool"] = request.getfixturevalue("pool")
    with dask.config.set(options):
        yield


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("kind", KINDS)
def test_each_partition_is_computed_once_and_comes_back_as_it_was(
    kind: str, cache: GridCache, log: Log
) -> None:
    collection = KINDS[kind](log)
    wanted = collection.compute()
    computed = log.count
    assert computed > 0

    log.clear()
    kept = gridcache.dask.persist(collection, "it", cache=cache)
    assert log.count == computed
    assert described(kept) == described(collection)
    assert_same(kept.compute(), wanted)

    again = gridcache.dask.persist(KINDS[kind](log), "it", cache=cache)
    loaded = gridcache.dask.load("it", cache=cache)
    for other in (again, loaded):
        assert described(other) == described(collection)
        assert_same(other.compute(), wanted)
    assert log.count == computed


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_loaded_can_be_computed_with(
    kind: str, cache: GridCache, log: Log
) -> None:
    collection = KINDS[kind](log)
    kept = gridcache.dask.persist(collection, "it", cache=cache)
    both = compute(kept, KINDS[kind](log), scheduler="sync")
    assert_same(*both)
    assert gridcache.dask.info("it", cache=cache).complete
