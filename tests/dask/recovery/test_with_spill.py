"""Recovery of what gridcache's own spilling put into a store that was emptied."""

import logging
from collections import Counter
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster, wait

from gridcache import GridCache
from gridcache.dask.recovery import RecoveryPlugin, recovery_figures
from gridcache.dask.spill import SpillPlugin
from gridcache.dask.spill.buffer import tiers_of
from gridcache.store.opening import close_store, open_store
from tests.dask.recovery.losing import spill_all

_TIMEOUT = 30
_CHUNK = 100_000

_computed: Counter[int] = Counter()


def block(number: int) -> np.ndarray:
    _computed[number] += 1
    return np.full(_CHUNK // 8, float(number))


def first(*blocks: np.ndarray) -> float:
    return float(sum(one[0] for one in blocks))


@pytest.fixture
def client(store_dir: Path) -> Iterator[Client]:
    """Two workers that spill into one store."""
    _computed.clear()
    home = str(store_dir / "store")
    GridCache("dask", path=home, capacity="64MiB").close()
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            processes=False,
            dashboard_address=":0",
            memory_limit="8GiB",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(SpillPlugin(path=home))
        client.register_plugin(RecoveryPlugin())
        yield client


def blocks_of(dask_worker: Any) -> list[int]:
    """Numbers of the blocks that a worker's values lie in."""
    tiers = tiers_of(dask_worker.data)
    assert tiers is not None
    return [one.place.number for one in tiers._where.values() if one is not None]


def empty(client: Client, store_dir: Path, *, every: int = 1) -> int:
    """Free blocks of the store behind the workers' backs; returns how many."""
    numbers = list(chain(*client.run(blocks_of).values()))[::every]
    store = open_store(store_dir / "store")
    try:
        store.blocks.free_many(numbers)
    finally:
        close_store(store)
    return len(numbers)


def figure(client: Client, name: str) -> int:
    return sum(one[name] for one in client.run(recovery_figures).values())


def test_what_the_store_lost_is_computed_again(client: Client, store_dir: Path) -> None:
    blocks = client.map(block, range(20), pure=False)
    wait(blocks, timeout=_TIMEOUT)
    client.run(spill_all)
    assert empty(client, store_dir, every=2) == 10
    result = client.submit(first, *blocks, pure=False).result(timeout=_TIMEOUT)
    assert result == sum(range(20))
    assert figure(client, "lost") == 10
    assert sorted(_computed.values()) == [1] * 10 + [2] * 10


def test_what_is_lost_again_is_computed_again(client: Client, store_dir: Path) -> None:
    blocks = client.map(block, range(20), pure=False)
    for _ in range(3):
        wait(blocks, timeout=_TIMEOUT)
        client.run(spill_all)
        empty(client, store_dir)
        result = client.submit(first, *blocks, pure=False).result(timeout=_TIMEOUT)
        assert result == sum(range(20))
    assert min(_computed.values()) == 4


def test_a_whole_array_on_an_emptied_store(client: Client, store_dir: Path) -> None:
    array = da.arange(200_000, chunks=10_000).astype(float).persist()
    wait(array, timeout=_TIMEOUT)
    client.run(spill_all)
    empty(client, store_dir)
    summed = client.compute((array - array[::-1]).sum())
    assert summed.result(timeout=_TIMEOUT) == 0
    assert array.sum().compute() == sum(range(200_000))
