"""Under it a plain persist goes to the grid, and all else is as always."""

from collections.abc import Iterator

import dask
import pytest
from dask.base import persist
from distributed import Client

import gridcache.dask
from gridcache import ConfigError, GridCache
from gridcache.dask import GridScheduler, cached
from gridcache.dask.opportunistic import grid
from tests.dask.kit.collections import KINDS, assert_same, described
from tests.dask.kit.notes import Log
from tests.dask.opportunistic.kit import ALL, ASKED

pytestmark = ASKED


@pytest.fixture(params=["sync", "workers"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.param == "workers":
        request.getfixturevalue("workers")
        yield
        return
    with dask.config.set(scheduler=request.param):
        yield


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("kind", KINDS)
def test_a_plain_persist_goes_to_the_grid(
    kind: str, cache: GridCache, log: Log
) -> None:
    collection = KINDS[kind](log)
    wanted = collection.compute(scheduler="sync")
    log.clear()
    with GridScheduler(cache):
        kept = collection.persist()
        computed = log.count
        assert_same(kept.compute(), wanted)
        collection.persist()
    assert described(kept) == described(collection)
    assert log.count == computed > 0
    assert gridcache.dask.names(cache=cache)
    assert_same(kept.compute(scheduler="sync"), wanted)
    assert log.count == computed


def test_a_dask_that_does_not_ask_is_refused(
    cache: GridCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert grid.asked_to_persist()
    monkeypatch.setattr(grid, "asked_to_persist", lambda: False)
    with pytest.raises(ConfigError, match="does not ask"):
        GridScheduler(cache)


def test_names_tell_computations_apart(cache: GridCache, log: Log) -> None:
    one, other = KINDS["array"](log), KINDS["array"](log) + 1
    with dask.config.set(scheduler=GridScheduler(cache, scheduler="sync")):
        found = persist(one, other)
    assert len(gridcache.dask.names(cache=cache)) == 2
    assert_same(found[1].compute(), one.compute() + 1)


def test_the_block_leaves_no_trace(cache: GridCache, log: Log) -> None:
    made, before = GridScheduler(cache), dask.config.get("scheduler", None)
    with pytest.raises(ZeroDivisionError), made:
        raise_within(made)
    assert dask.config.get("scheduler", None) == before
    with made, made:
        KINDS["array"](log).compute()
    assert dask.config.get("scheduler", None) == before
    assert gridcache.dask.names(cache=cache) == []


def raise_within(made: GridScheduler) -> None:
    assert dask.config.get("scheduler") is made
    raise ZeroDivisionError


@pytest.mark.parametrize("grid_first", [True, False])
def test_a_cached_block_goes_with_it(
    grid_first: bool, cache: GridCache, log: Log
) -> None:
    made, block = GridScheduler(cache), cached(cache, scheduler=None, **ALL)
    collection = KINDS["array"](log)
    with dask.config.set(scheduler="sync"):
        if grid_first:
            with made, block as stats:
                collection.sum().compute()
                collection.persist()
        else:
            with block as stats, made:
                collection.sum().compute()
                collection.persist()
    assert stats.stored > 0
    assert len(gridcache.dask.names(cache=cache)) == 1


def test_what_stores_partitions_runs_though_it_ran_before(
    cache: GridCache, log: Log, workers: Client
) -> None:
    collection = KINDS["array"](log)
    with cached(cache, **ALL):
        for _ in range(2):
            gridcache.dask.persist(collection, "it", cache=cache)
            assert gridcache.dask.info("it", cache=cache).complete
            gridcache.dask.release("it", cache=cache)
    assert log.count == 4
    assert workers.status == "running"
