"""Every kind of collection, on every scheduler that Dask has."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import dask
import pytest
from distributed import Client

from gridcache import GridCache
from gridcache.dask import cached
from tests.dask.kit.collections import assert_same
from tests.dask.kit.notes import Log
from tests.dask.opportunistic.kit import ALL, PURE_KINDS, until


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    """Processes for Dask's scheduler of that name; made once, since that is slow."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as made:
        yield made


@pytest.fixture(params=["sync", "threads", "processes", "workers"])
def anywhere(request: pytest.FixtureRequest) -> Iterator[Client | None]:
    """Each scheduler in turn is the one in use."""
    if request.param == "workers":
        yield request.getfixturevalue("workers")
        return
    options: dict[str, Any] = {"scheduler": request.param}
    if request.param == "processes":
        options["pool"] = request.getfixturevalue("pool")
    with dask.config.set(options):
        yield None


def settled(client: Client | None) -> None:
    """Wait until a cluster has let go of what nobody refers to."""
    if client is not None:
        until(lambda: not client.futures)


@pytest.mark.parametrize("kind", PURE_KINDS)
def test_a_second_run_computes_nothing_and_gives_the_same(
    kind: str, cache: GridCache, log: Log, anywhere: Client | None
) -> None:
    wanted = PURE_KINDS[kind](log).compute(scheduler="sync")
    computed = log.count
    log.clear()
    with cached(cache, **ALL) as first:
        assert_same(PURE_KINDS[kind](log).compute(), wanted)
    assert log.count == computed
    assert first.hits == 0
    assert 0 < first.stored <= first.misses
    settled(anywhere)

    with cached(cache, **ALL) as second:
        assert_same(PURE_KINDS[kind](log).compute(), wanted)
    assert log.count == computed
    assert second.hits > 0
    assert second.misses == second.stored == 0


@pytest.mark.parametrize("kind", ["array", "dataframe", "bag", "delayed", "dataset"])
def test_what_is_persisted_by_dask_is_found_as_well(
    kind: str, cache: GridCache, log: Log, anywhere: Client | None
) -> None:
    wanted = PURE_KINDS[kind](log).compute(scheduler="sync")
    log.clear()
    with cached(cache, **ALL):
        first = PURE_KINDS[kind](log).persist()
        assert_same(first.compute(), wanted)
    computed = log.count
    with cached(cache, **ALL):
        assert_same(PURE_KINDS[kind](log).persist().compute(), wanted)
    del first
    settled(anywhere)
    with cached(cache, **ALL) as third:
        assert_same(PURE_KINDS[kind](log).persist().compute(), wanted)
    assert log.count == computed
    assert third.hits > 0
