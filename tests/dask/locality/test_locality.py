"""Partitions of a grid of two nodes are read by the worker of their node."""

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from dask.base import annotate
from dask.delayed import delayed
from distributed import Client, LocalCluster, wait

import gridcache.dask
from gridcache.cluster.home import naming
from gridcache.dask.locality import prefer_near
from gridcache.dask.manifest import read
from gridcache.published.handle import Handle, close_all
from tests.cluster.kit.small_grid import SmallGrid

_TIMEOUT = 30
_SHARED = next((place for place in ("/dev/shm",) if Path(place).is_dir()), None)
_NORTH, _SOUTH = "default", "default@south"
"""Nodes, and names of stores by which a process without Ray finds them."""
_PARTITIONS = 20


def enter(directory: str, node: str) -> None:
    """Put a worker on a node."""
    os.environ["GRIDCACHE_DIRECTORY"] = directory
    os.environ["GRIDCACHE_NODE"] = node


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    """Two workers, each on a node of its own; this process is on the first."""
    directory = Path(tempfile.mkdtemp(prefix="gridcache-test-", dir=_SHARED))
    locks = [naming._try_lock(directory / node) for node in (_NORTH, _SOUTH)]
    with (
        SmallGrid(directory, _NORTH, _SOUTH),
        pytest.MonkeyPatch.context() as patch,
        dask.config.set({"distributed.scheduler.work-stealing": False}),
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        patch.setenv("GRIDCACHE_DIRECTORY", str(directory))
        patch.setenv("GRIDCACHE_NODE", _NORTH)
        first, second = client.scheduler_info()["workers"]
        client.run(enter, str(directory), _NORTH, workers=[first])
        client.run(enter, str(directory), _SOUTH, workers=[second])
        yield client
        client.run(close_all)
        close_all()
    for lock in locks:
        assert lock is not None
        os.close(lock)
    shutil.rmtree(directory)


@pytest.fixture(scope="module")
def nodes(client: Client) -> dict[str, str]:
    """The node of each worker's address."""
    return dict(client.run(lambda: os.environ["GRIDCACHE_NODE"]))


def frame() -> Any:
    data = pd.DataFrame({"a": range(1000), "b": np.arange(1000.0)})
    return dd.from_pandas(data, npartitions=_PARTITIONS)


COLLECTIONS: dict[str, Callable[[], Any]] = {
    "array": lambda: da.arange(1000, chunks=1000 // _PARTITIONS),
    "frame": frame,
    "bag": lambda: db.from_sequence(range(1000), npartitions=_PARTITIONS),
}
FUSED: dict[str, Callable[[Any], Any]] = {
    "array": lambda array: (array + 1) * 2,
    "frame": lambda frame: (frame + 1)[["a"]],
    "bag": lambda bag: bag.map(float).filter(bool),
}


@pytest.fixture(scope="module", params=COLLECTIONS)
def published(client: Client, request: pytest.FixtureRequest) -> str:
    kind = str(request.param)
    gridcache.dask.persist(COLLECTIONS[kind](), kind)
    return kind


def near(client: Client, nodes: dict[str, str], name: str, collection: Any) -> float:
    """The share of partitions that were computed on the node that stored them."""
    kept = client.persist(collection)
    wait(kept, timeout=_TIMEOUT)
    where = client.who_has(kept)
    parts = read(Handle("dask").cache, name).parts
    assert {part.node for part in parts} == {_NORTH, _SOUTH}
    assert len(where) == len(parts) == _PARTITIONS
    right = [
        [nodes[worker] for worker in workers] == [parts[key[1]].node]
        for key, workers in where.items()
    ]
    return sum(right) / len(right)


def test_partitions_are_read_on_their_node(
    client: Client, nodes: dict[str, str], published: str
) -> None:
    loaded = gridcache.dask.load(published)
    assert near(client, nodes, published, loaded) >= 0.95


def test_what_is_fused_with_the_read_runs_there_too(
    client: Client, nodes: dict[str, str], published: str
) -> None:
    loaded = gridcache.dask.load(published)
    assert near(client, nodes, published, FUSED[published](loaded)) >= 0.95


def test_what_is_not_fused_follows_its_input(
    client: Client, nodes: dict[str, str], published: str
) -> None:
    with dask.config.set({"optimization.fuse.active": False}):
        loaded = FUSED[published](gridcache.dask.load(published))
        assert near(client, nodes, published, loaded) >= 0.95


def test_a_delayed_value_is_read_on_its_node(
    client: Client, nodes: dict[str, str]
) -> None:
    for number in range(6):
        name = f"delayed{number}"
        gridcache.dask.persist(delayed(np.full)(10, number), name)
        (part,) = read(Handle("dask").cache, name).parts
        kept = client.compute(gridcache.dask.load(name))
        wait(kept, timeout=_TIMEOUT)
        assert [nodes[w] for w in client.who_has(kept)[kept.key]] == [part.node]


def test_what_the_user_says_counts_more(client: Client, nodes: dict[str, str]) -> None:
    # Of its own keys: what earlier tests computed may still be in memory.
    gridcache.dask.persist(da.arange(500, chunks=50), "restricted")
    (north,) = [worker for worker, node in nodes.items() if node == _NORTH]
    with annotate(workers=[north]):
        kept = client.persist(gridcache.dask.load("restricted"))
    wait(kept, timeout=_TIMEOUT)
    assert set(client.who_has(kept).values()) == {(north,)}


def known(dask_scheduler: Any) -> dict[str, str]:
    """The nodes of workers as the scheduler has them."""
    plugin = dask_scheduler.plugins["gridcache-locality"]
    return dict(plugin._nodes[Handle("dask")])


def test_workers_that_come_and_go_are_known(
    client: Client, nodes: dict[str, str]
) -> None:
    prefer_near(Handle("dask"), client)
    assert client.run_on_scheduler(known) == nodes
    client.cluster.scale(3)  # type: ignore[union-attr]
    client.wait_for_workers(3, timeout=_TIMEOUT)
    (new,) = client.scheduler_info()["workers"].keys() - nodes.keys()
    until = time.monotonic() + _TIMEOUT
    while new not in (found := client.run_on_scheduler(known)):
        assert time.monotonic() < until
        time.sleep(0.02)
    # It was started by this process, and is on its node.
    assert found == {**nodes, new: _NORTH}
    client.retire_workers([new], close_workers=True, remove=True)
    assert client.run_on_scheduler(known) == nodes


def test_a_node_without_workers_is_no_obstacle(
    client: Client, nodes: dict[str, str]
) -> None:
    gridcache.dask.persist(COLLECTIONS["array"](), "array")
    (south,) = [worker for worker, node in nodes.items() if node == _SOUTH]
    loaded = gridcache.dask.load("array")
    client.retire_workers([south], close_workers=True, remove=True)
    assert loaded.sum().compute() == 499_500


def test_without_a_client_there_is_nothing_to_do() -> None:
    prefer_near(Handle("dask"))
