"""Every kind of collection, on every scheduler that Dask has."""

from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import dask
import pytest

from gridcache import GridCache
from gridcache.dask import cached
from tests.dask.kit.collections import Log, assert_same
from tests.dask.opportunistic.kit import ALL, PURE_KINDS


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


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path / "log")


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("kind", PURE_KINDS)
def test_a_second_run_computes_nothing_and_gives_the_same(
    kind: str, cache: GridCache, log: Log
) -> None:
    # A cluster may still have what it computed a moment ago.
    wanted = PURE_KINDS[kind](log).compute(scheduler="sync")
    computed = log.count
    log.clear()
    with cached(cache, **ALL) as first:
        assert_same(PURE_KINDS[kind](log).compute(), wanted)
    assert log.count == computed
    assert first.hits == 0
    assert 0 < first.stored <= first.misses

    with cached(cache, **ALL) as second:
        assert_same(PURE_KINDS[kind](log).compute(), wanted)
    assert log.count == computed
    assert second.hits > 0
    assert second.misses == second.stored == 0


@pytest.mark.usefixtures("anywhere")
@pytest.mark.parametrize("kind", ["array", "dataframe", "bag", "delayed", "dataset"])
def test_what_is_persisted_by_dask_is_found_as_well(
    kind: str, cache: GridCache, log: Log
) -> None:
    # A cluster may still have what it computed a moment ago.
    wanted = PURE_KINDS[kind](log).compute(scheduler="sync")
    log.clear()
    with cached(cache, **ALL):
        first = PURE_KINDS[kind](log).persist()
        assert_same(first.compute(), wanted)
    computed = log.count
    with cached(cache, **ALL) as second:
        assert_same(PURE_KINDS[kind](log).persist().compute(), wanted)
    assert log.count == computed
    assert second.hits > 0
