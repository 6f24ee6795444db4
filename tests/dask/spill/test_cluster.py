"""Spilling of real workers: in processes of their own, with a memory limit."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster, Scheduler, Worker, wait

from gridcache import GridCache
from gridcache.dask.preload import dask_setup
from gridcache.dask.recovery import RecoveryPlugin
from gridcache.dask.spill import SpillPlugin, spilled
from gridcache.dask.spill.buffer import GridSpillBuffer
from gridcache.dask.spill.figures import SpillTable
from gridcache.store.node_store import NodeStore

CHUNK = 1_000_000
COUNT = 60
TARGET = 20_000_000
"""Of values in RAM: a third of the workload."""


def make(number: int) -> Any:
    return np.full(CHUNK // 8, number, np.float64)


def total(*chunks: Any) -> float:
    return float(sum(chunk[0] for chunk in chunks))


def settings() -> Any:
    """A small target, with a limit that the libraries alone do not come near."""
    return dask.config.set(
        {
            "distributed.worker.memory.target": TARGET / 2 / 1e9,
            "distributed.worker.memory.spill": False,
            "distributed.worker.memory.pause": 0.8,
        }
    )


@pytest.fixture
def home(store_dir: Path) -> str:
    """Where a store lies that takes everything."""
    GridCache("dask", path=store_dir / "store", capacity="256MiB").close()
    return str(store_dir / "store")


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with (
        settings(),
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="1GB",
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture
def client(cluster: LocalCluster, home: str) -> Iterator[Client]:
    with Client(cluster) as client:
        client.register_plugin(SpillPlugin(path=home))
        yield client
        client.unregister_worker_plugin(SpillPlugin.name)


def compute(client: Client) -> list[Any]:
    futures = client.map(make, range(COUNT), pure=False)
    wait(futures)
    return futures


def sums(client: Client) -> SpillTable:
    table: SpillTable = spilled(client)
    return table


def in_grid(client: Client) -> int:
    return sum(one.grid_own_bytes for one in sums(client).values())


def comes_true(happened: Callable[[], bool]) -> bool:
    """Within the time that heartbeats and other processes may take."""
    until = time.monotonic() + 60
    while not happened() and time.monotonic() < until:
        time.sleep(0.02)
    return happened()


def settled(store: NodeStore) -> bool:
    return comes_true(lambda: not store.blocks.sizes().blocks)


def test_three_times_the_memory_is_computed_with_and_leaves_nothing(
    client: Client, store: NodeStore
) -> None:
    before = client.run(_rss)
    futures = compute(client)
    table = sums(client)
    assert in_grid(client) >= COUNT * CHUNK - TARGET
    assert in_grid(client) == pytest.approx(store.blocks.sizes().size_nbytes, rel=0.01)
    assert all(one.disk_count == one.fell == 0 for one in table.values())
    assert "own node" in repr(table)

    result = client.submit(total, *futures).result()
    assert result == sum(range(COUNT))
    assert comes_true(lambda: client.run_on_scheduler(_spilled) == in_grid(client))
    assert set(client.run(_status).values()) == {"running"}
    for worker, rss in client.run(_rss).items():
        assert rss - before[worker] < 2 * COUNT * CHUNK
    del futures
    assert settled(store)


def _rss(dask_worker: Worker) -> int:
    return int(dask_worker.monitor.get_process_memory())


def _status(dask_worker: Worker) -> str:
    return str(dask_worker.status.name)


def _spilled(dask_scheduler: Scheduler) -> int:
    """As the dashboard shows it."""
    return sum(
        state.metrics["spilled_bytes"]["disk"]
        for state in dask_scheduler.workers.values()
    )


@pytest.mark.soak
def test_with_dasks_own_thresholds_no_worker_pauses_or_warns(store_dir: Path) -> None:
    home = str(store_dir / "store")
    GridCache("dask", path=home, capacity="4GiB").close()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            memory_limit="800MB",
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(SpillPlugin(path=home))
        array = da.random.random((60_000, 5_000), chunks=(500, 5_000)).persist()
        wait(array)
        assert sum(one.grid_own_bytes for one in sums(client).values()) > 1.4e9
        for _ in range(2):
            assert array.mean().compute() == pytest.approx(0.5, abs=1e-3)
        logs = str(client.get_worker_logs())
        assert "Unmanaged memory" not in logs
        assert "Pausing" not in logs
        del array


def test_unregistered_on_a_running_cluster_nothing_is_lost(
    client: Client, store: NodeStore
) -> None:
    futures = compute(client)
    client.unregister_worker_plugin(SpillPlugin.name)
    assert sum(one.grid_own_count for one in sums(client).values()) > 20
    more = client.map(make, range(COUNT, COUNT + 10), pure=False)
    wait(more)
    assert sum(one.disk_count for one in sums(client).values()) > 5
    assert client.submit(total, *futures).result() == sum(range(COUNT))
    del futures, more
    assert settled(store)
    client.register_plugin(SpillPlugin())  # for the fixture to end


def test_registered_on_a_running_cluster_it_leaves_what_is_on_disk(
    cluster: LocalCluster, home: str, store: NodeStore
) -> None:
    with Client(cluster) as client:
        first = compute(client)
        on_disk = sum(one.disk_count for one in sums(client).values())
        assert on_disk > 20
        client.register_plugin(SpillPlugin(path=home))
        second = client.map(make, range(COUNT), pure=False)
        wait(second)
        table = sums(client)
        assert sum(one.grid_own_count for one in table.values()) > 20
        assert sum(one.disk_count for one in table.values()) == on_disk
        both = client.submit(total, *first, *second).result()
        assert both == 2 * sum(range(COUNT))
        del first, second
        assert settled(store)
        client.unregister_worker_plugin(SpillPlugin.name)


def test_a_worker_that_is_killed_leaves_no_block_and_its_values_are_computed_again(
    client: Client, store: NodeStore
) -> None:
    futures = compute(client)
    pid = next(iter(client.run(os.getpid).values()))
    before = store.blocks.sizes().blocks
    os.kill(pid, signal.SIGKILL)
    assert client.submit(total, *futures).result() == sum(range(COUNT))
    assert before > 20
    del futures
    assert settled(store)  # the store's housekeeping reaps the dead
    client.wait_for_workers(2)


def _plugins(dask_worker: Worker) -> set[str]:
    return set(dask_worker.plugins)


# -- the other ways in -----------------------------------------------------------------


def test_a_worker_that_never_spills_says_so_and_is_left_as_it_was(home: str) -> None:
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            memory_limit=0,
            dashboard_address=":0",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        with pytest.raises(ValueError, match="never spills: give it a memory_limit"):
            client.register_plugin(SpillPlugin(path=home))
        assert client.submit(sum, [1, 2]).result() == 3
        (data,) = client.run(lambda dask_worker: type(dask_worker.data)).values()
        assert data is dict


def test_a_worker_that_never_spills_preloads_it_with_a_warning(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def start() -> set[str]:
        async with (
            Scheduler(dashboard_address=":0", port=0) as scheduler,
            Worker(
                scheduler.address, memory_limit=0, preload=[dask_setup.__module__]
            ) as worker,
            Client(scheduler.address, asynchronous=True) as client,
        ):
            (figures,) = (await spilled(client)).values()
            assert figures.memory_count == figures.grid_own_count == 0
            return set(worker.plugins)

    with caplog.at_level(logging.WARNING, "distributed.worker.gridcache"):
        assert RecoveryPlugin.name not in asyncio.run(start())
    assert "spills to disk alone: worker" in caplog.text


def test_workers_are_made_with_one_and_end_with_nothing(
    home: str, store: NodeStore
) -> None:
    data = (GridSpillBuffer, {"target": "10MB", "path": home})
    with (
        LocalCluster(
            n_workers=1,
            processes=False,
            # Of this process, with whatever other tests have loaded into it.
            memory_limit="8GB",
            dashboard_address=":0",
            data=data,
        ) as cluster,
        Client(cluster) as client,
    ):
        futures = client.map(make, range(COUNT), pure=False)
        wait(futures)
        assert store.blocks.sizes().blocks > 40
        assert client.submit(total, *futures).result() == sum(range(COUNT))
        del futures
        assert settled(store)


def test_a_worker_of_the_command_line_preloads_it(
    home: str, store: NodeStore, tmp_path: Path
) -> None:
    with (
        LocalCluster(n_workers=0, dashboard_address=":0") as cluster,
        Client(cluster) as client,
    ):
        command = [sys.executable, "-m", "dask", "worker", cluster.scheduler_address]
        command += [
            "--nthreads",
            "1",
            "--memory-limit",
            "1GB",
            "--dashboard-address",
            ":0",
        ]
        command += ["--preload", "gridcache.dask.preload"]
        command += ["--local-directory", str(tmp_path)]
        env = os.environ | {
            "DASK_GRIDCACHE__SPILL__PATH": home,
            "DASK_GRIDCACHE__SPILL__MAX_BYTES": "30MB",
            "DASK_DISTRIBUTED__WORKER__MEMORY__TARGET": "0.01",
        }
        process = subprocess.Popen(command, env=env, stderr=subprocess.DEVNULL)
        try:
            client.wait_for_workers(1, timeout=60)
            futures = compute(client)
            (figures,) = sums(client).values()
            assert figures.grid_own_count == 29
            (plugins,) = client.run(_plugins).values()
            assert {SpillPlugin.name, RecoveryPlugin.name} <= plugins
            assert figures.disk_count > 10
            assert client.submit(total, *futures).result() == sum(range(COUNT))
            del futures
            assert settled(store)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
