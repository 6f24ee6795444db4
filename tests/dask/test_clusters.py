"""Distributed clusters: what travels, what they see, and clients that are awaited."""

import asyncio
import pickle
import time
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from dask.base import annotate
from distributed import Client, LocalCluster, get_worker

import gridcache.dask
from gridcache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.partitions import store_partition
from gridcache.errors import (
    CacheWarning,
    ConfigError,
    NameInUseError,
    NoAvailableNodesError,
)
from gridcache.published.keeping import Keeping
from tests.dask.kit.collections import KINDS, array, assert_same
from tests.dask.kit.notes import Log

persist, apersist, load = (
    gridcache.dask.persist,
    gridcache.dask.apersist,
    gridcache.dask.load,
)


@pytest.mark.parametrize("kind", ["array", "dataframe", "bag", "delayed"])
def test_processes_of_workers_give_the_same(
    kind: str, cache: GridCache, log: Log, processes: Client
) -> None:
    wanted = KINDS[kind](log).compute(scheduler="sync")
    log.clear()
    kept = persist(KINDS[kind](log), "it", cache=cache)
    computed = log.count
    assert_same(kept.compute(), wanted)
    assert_same(kept.compute(scheduler="sync"), wanted)
    persist(KINDS[kind](log), "it", cache=cache)
    assert log.count == computed


def test_workers_read_private_copies_and_others_views(
    cache: GridCache, log: Log, processes: Client
) -> None:
    kept = persist(array(log, side=256, chunk=128), "it", cache=cache)
    assert kept.map_blocks(_writable, dtype=bool).compute().all()
    assert not kept.map_blocks(_writable, dtype=bool).compute(scheduler="sync").any()


def _writable(block: Any) -> Any:
    return np.full(block.shape, block.flags.writeable)


def test_what_comes_back_to_the_client_is_below_a_kilobyte_for_a_partition(
    cache: GridCache,
) -> None:
    name = "n" * 300
    text = f"part:{name}:{'0' * 32}"
    receipt = store_partition(bytes(1 << 20), handle_of(cache), text, Keeping())
    assert receipt.nbytes >= 1 << 20
    assert len(pickle.dumps(receipt)) < 1024


def test_nothing_stays_in_the_workers(
    cache: GridCache, log: Log, workers: Client
) -> None:
    persist(array(log), "it", cache=cache)
    _wait_until_empty(workers)


def _wait_until_empty(client: Client) -> None:
    """The scheduler forgets tasks a message later than a client its futures."""
    until = time.monotonic() + 10
    while client.run_on_scheduler(_tasks):
        assert time.monotonic() < until


def _tasks(dask_scheduler: Any) -> int:
    return len(dask_scheduler.tasks)


def test_the_error_of_the_user_s_function_reaches_the_user(
    cache: GridCache, log: Log, workers: Client
) -> None:
    broken = array(log).map_blocks(_fails, dtype=float)
    with pytest.raises(ZeroDivisionError, match="the user's"):
        persist(broken, "it", cache=cache)
    assert gridcache.dask.names(cache=cache) == []
    _wait_until_empty(workers)


def _fails(block: Any) -> Any:
    if block.size:
        message = "the user's"
        raise ZeroDivisionError(message)
    return block


def test_what_the_user_said_of_tasks_stays_said(
    cache: GridCache, log: Log, workers: Client
) -> None:
    first, second = workers.scheduler_info()["workers"]
    for address in (first, second):
        with annotate(workers=[address], allow_other_workers=False):
            told = array(log).map_blocks(_here, dtype=object)
        with dask.config.set({"optimization.fuse.active": False}):
            kept = persist(told, f"at {address}", cache=cache)
        assert set(kept.compute().ravel()) == {address}


def test_what_dask_holds_already_needs_a_version(
    cache: GridCache, log: Log, workers: Client
) -> None:
    def made() -> Any:
        return workers.persist(array(log)) + 1

    with pytest.warns(CacheWarning, match="'it' may be taken for what it is not"):
        persist(made(), "it", cache=cache)
    first = persist(made(), "too", cache=cache, version="of today")
    again = persist(made(), "too", cache=cache, version="of today")
    for kept in (first, again, load("it", cache=cache)):
        assert float(kept.sum().compute()) == 2016 + 64
    with pytest.raises(NameInUseError):
        persist(made() + 1, "too", cache=cache, version="of today")


def _here(block: Any) -> Any:
    address = get_worker().address if block.size else ""
    return np.full(block.shape, address, dtype=object)


# -- asynchronous clients --------------------------------------------------------------


def test_an_asynchronous_client_awaits(cache: GridCache, log: Log) -> None:
    async def main() -> None:
        async with (
            LocalCluster(
                n_workers=1,
                threads_per_worker=1,
                processes=False,
                dashboard_address=":0",
                asynchronous=True,
            ) as cluster,
            Client(cluster, asynchronous=True) as client,
        ):
            with pytest.raises(ConfigError, match=r"await gridcache.dask.apersist"):
                persist(array(log), "it", cache=cache)
            kept = await apersist(array(log), "it", cache=cache)
            assert float(await client.compute(kept.sum())) == 2016
            broken = array(log).map_blocks(_fails, dtype=float)
            with pytest.raises(ZeroDivisionError):
                await apersist(broken, "broken", cache=cache)
            loaded = load("it", cache=cache)
            assert float(await client.compute(loaded.sum())) == 2016

    asyncio.run(main())
    assert 4 < log.count <= 2 * 4


def test_a_synchronous_client_works_in_a_loop_as_of_a_notebook(
    cache: GridCache, log: Log, workers: Client
) -> None:
    async def cell() -> float:
        return float(persist(array(log), "it", cache=cache).sum().compute())

    assert asyncio.run(cell()) == 2016


@pytest.mark.parametrize("scheduler", [None, "sync", "threads"])
def test_awaiting_works_with_everything_else_too(
    scheduler: str | None, cache: GridCache, log: Log, workers: Client
) -> None:
    kept = asyncio.run(apersist(array(log), "it", cache=cache, scheduler=scheduler))
    assert float(kept.sum().compute()) == 2016


# -- workers elsewhere -----------------------------------------------------------------


def test_workers_with_another_store_are_refused_before_anything_is_computed(
    store_dir: Path, log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _cluster_in(store_dir / "theirs") as cluster, Client(cluster):
        monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir / "ours"))
        with pytest.raises(NoAvailableNodesError, match=r"1 of 1.*`grid up`"):
            persist(array(log), "it")
    assert log.count == 0


def _cluster_in(directory: Path) -> Any:
    return LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        dashboard_address=":0",
        env={"GRIDCACHE_DIRECTORY": str(directory)},
    )
