"""Lazy write-through: computed for the first that needs it, read for the others."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.base import compute
from dask.delayed import delayed
from distributed import Client

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import CacheWarning, ConfigError
from gridcache.published.handle import close_all
from tests.dask.kit.collections import KINDS, array, assert_same, frame
from tests.dask.kit.notes import Log, noted


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Bags would start processes."""
    with dask.config.set(scheduler="threads"):
        yield


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_computed_once_in_whatever_is_made_of_it(
    kind: str, cache: GridCache, log: Log
) -> None:
    wanted = KINDS[kind](log).compute()
    computed = log.count
    log.clear()
    kept = gridcache.dask.cache(KINDS[kind](log), cache=cache)
    assert log.count == 0
    for _ in range(2):
        assert_same(kept.compute(), wanted)
    assert_same(gridcache.dask.cache(KINDS[kind](log), cache=cache).compute(), wanted)
    assert log.count == computed


def test_two_expressions_share_what_is_below_both(cache: GridCache, log: Log) -> None:
    kept = gridcache.dask.cache(array(log), cache=cache)
    assert float((kept * 2).sum().compute()) == 2 * 2016
    assert float((kept - 1).max().compute()) == 62
    assert log.count == 4


def test_on_workers_it_is_shared_too(
    cache: GridCache, log: Log, workers: Client
) -> None:
    kept = gridcache.dask.cache(frame(log), cache=cache)
    with dask.config.set(scheduler=workers):
        assert int(kept["a"].sum().compute()) == 190
        assert len(kept[kept["b"] == "x"].compute()) == 10
    assert log.count == 4


def test_what_was_evicted_is_computed_again(cache: GridCache, log: Log) -> None:
    kept = gridcache.dask.cache(array(log), cache=cache)
    wanted = kept.compute()
    assert cache.delete_many(list(cache)[:3]) == 3
    assert_same(kept.compute(), wanted)
    assert log.count == 4 + 3


class Gate:
    """Events that a task meets; no part of what it computes."""

    def __init__(self) -> None:
        self.inside, self.go_on = threading.Event(), threading.Event()
        self.both = threading.Barrier(2)

    def __gridcache_key__(self) -> str:
        return "gate"


def test_of_two_threads_that_need_it_one_computes(cache: GridCache, log: Log) -> None:
    gate, asking = Gate(), threading.Event()
    kept = gridcache.dask.cache(delayed(_waits)(3, gate, str(log.path)), cache=cache)

    def ask() -> Any:
        asking.set()
        return kept.compute(scheduler="sync")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(kept.compute, scheduler="sync")
        assert gate.inside.wait(30)
        second = pool.submit(ask)
        assert asking.wait(30)
        gate.go_on.set()
        assert first.result(30) == second.result(30) == 3
    assert log.count == 1


def _waits(value: int, gate: Gate, log: str) -> Any:
    gate.inside.set()
    assert gate.go_on.wait(30)
    return noted(value, log)


def _table(log: Log) -> Any:
    return frame(log).shuffle("b", shuffle_method="tasks")


def test_a_shuffle_is_not_computed_for_each_of_its_partitions(
    cache: GridCache, log: Log
) -> None:
    kept = gridcache.dask.cache(_table(log), cache=cache)
    wanted = kept.compute()
    assert log.count == 4
    log.clear()
    pd.testing.assert_frame_equal(kept.compute(), wanted)
    again = gridcache.dask.cache(_table(log), cache=cache)
    pd.testing.assert_frame_equal(again.compute(), wanted)
    assert log.count == 0
    cache.clear()
    pd.testing.assert_frame_equal(kept.compute(), wanted)
    assert log.count == 4
    cache.clear()
    with pytest.raises(KeyError, match=r"make it again with gridcache\.dask\.cache"):
        again.compute()


@pytest.mark.parametrize(
    ("scheduler", "method"),
    [("threads", "disk"), ("workers", "tasks"), ("workers", "p2p")],
)
def test_shuffles_of_each_kind_are_kept(
    scheduler: str, method: str, cache: GridCache, log: Log, workers: Client
) -> None:
    def made() -> Any:
        return gridcache.dask.cache(
            frame(log).shuffle("b", shuffle_method=method), cache=cache
        )

    how: Any = workers if scheduler == "workers" else scheduler
    with dask.config.set(scheduler=how):
        for _ in range(2):
            kept = made()
            assert sorted(kept.compute()["a"]) == list(range(20))
            assert int(kept["a"].sum().compute()) == 190
    # A shuffle that the scheduler takes part in is looked for when it is made alone.
    assert log.count == (8 if method == "p2p" else 4)


def test_a_reduction_uses_all_threads(cache: GridCache) -> None:
    """Two inputs wait for one another: one after the other they never would end."""
    gate = Gate()
    halves = [delayed(_meets)(half, gate) for half in (1, 2)]
    kept = gridcache.dask.cache(delayed(sum)(halves), cache=cache)
    assert kept.compute(num_workers=2) == 3
    assert kept.compute(scheduler="sync") == 3


def _meets(value: int, gate: Gate) -> int:
    gate.both.wait(30)
    return value


def test_it_is_looked_for_when_it_is_computed_and_not_only_when_it_is_made(
    cache: GridCache, log: Log
) -> None:
    total, mean = array(log).sum(), array(log).mean()
    kept = gridcache.dask.cache(total, cache=cache)
    gridcache.dask.cache(total, cache=cache).compute()
    assert float(kept.compute()) == 2016
    assert log.count == 4
    # The original is not skipped with it.
    assert float(compute(kept, mean)[1]) == 31.5


def test_a_reduction_that_was_evicted_is_computed_again(
    cache: GridCache, log: Log
) -> None:
    total = array(log).sum()
    assert float(gridcache.dask.cache(total, cache=cache).compute()) == 2016
    again = gridcache.dask.cache(total, cache=cache)
    cache.clear()
    assert float(again.compute()) == 2016
    assert log.count == 2 * 4


def test_data_that_all_partitions_use_is_not_held_by_each(
    cache: GridCache, log: Log
) -> None:
    class Source:
        shape, dtype, ndim = (8, 8), np.dtype(float), 2

        def __getitem__(self, index: Any) -> Any:
            return noted(np.ones((8, 8))[index], str(log.path))

        def __gridcache_key__(self) -> str:
            return "source"

    whole = da.from_array(Source(), chunks=4, name="source", meta=np.empty((0, 0)))
    kept = gridcache.dask.cache(whole + 1, cache=cache)
    assert float(kept.sum().compute()) == 128
    assert float(kept.sum().compute()) == 128
    assert log.count == 4
    assert len(kept.__dask_graph__()) == 4 + 1


def test_partitions_that_others_are_made_of_are_kept_as_well(
    cache: GridCache, log: Log
) -> None:
    one = delayed(noted)(1, str(log.path))
    both = db.from_delayed([delayed(_listed)(one), delayed(_listed)(one, more=2)])
    kept = gridcache.dask.cache(both, cache=cache)
    assert kept.compute() == [1, 1, 2]
    assert gridcache.dask.cache(both, cache=cache).compute() == [1, 1, 2]
    assert log.count == 1


def _listed(value: int, **more: int) -> list[int]:
    return [value, *more.values()]


def test_a_value_that_cannot_be_stored_is_handed_on(cache: GridCache) -> None:
    kept = gridcache.dask.cache(delayed(_generator)(3), cache=cache)
    with pytest.warns(CacheWarning, match="was computed but not stored"):
        assert list(kept.compute(scheduler="sync")) == [0, 1, 2]


def _generator(count: int) -> Any:
    return (number for number in range(count))


def test_another_cache_and_another_version_are_others(
    cache: GridCache, log: Log, store_dir: Path
) -> None:
    with GridCache("other", path=store_dir / "other", capacity="64MiB") as other:
        for where in (cache, other):
            gridcache.dask.cache(array(log), cache=where).compute()
        assert log.count == 8
        both = [gridcache.dask.cache(array(log), cache=one) for one in (cache, other)]
        assert len({key for one in both for key in one.__dask_graph__()}) == 8
        compute(*both)
        assert log.count == 8
        gridcache.dask.cache(array(log), cache=other, version="2").compute()
        assert log.count == 12
        close_all()
    with pytest.raises(ConfigError, match="version is a text"):
        gridcache.dask.cache(array(log), cache=cache, version=2)  # type: ignore[arg-type]


def test_what_dask_persisted_is_told_unsafe_unless_it_has_a_version(
    cache: GridCache, log: Log, workers: Client
) -> None:
    held = workers.persist(array(log))
    with pytest.warns(CacheWarning, match="Say what the data are with version="):
        gridcache.dask.cache(held + 1, cache=cache)
    with dask.config.set(scheduler=workers):
        kept = gridcache.dask.cache(held + 1, cache=cache, version="of today")
        assert float(kept.sum().compute()) == 2016 + 64


def test_a_frame_keeps_its_divisions_for_what_is_made_of_it(
    cache: GridCache,
) -> None:
    table = pd.DataFrame({"a": range(12)}, index=range(12))
    kept = gridcache.dask.cache(dd.from_pandas(table, npartitions=3), cache=cache)
    assert kept.divisions == (0, 4, 8, 11)
    assert kept.loc[5:6].compute()["a"].tolist() == [5, 6]
