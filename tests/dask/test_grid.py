"""In a grid: published from one node, read on another, nodes that are lost."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import numpy as np
import pytest
from distributed import Client, LocalCluster

import gridcache.dask
from gridcache.cluster.home import naming
from gridcache.errors import KeyNotFoundError, NameInUseError
from gridcache.published.handle import Handle, close_all
from tests.cluster.kit.small_grid import SmallGrid
from tests.dask.kit.collections import array, assert_same, frame
from tests.dask.kit.notes import Log, noted

persist, load, release = (
    gridcache.dask.persist,
    gridcache.dask.load,
    gridcache.dask.release,
)

_NORTH, _SOUTH = "default", "default@south"
"""Nodes, and names of stores by which a process without Ray finds them."""


@pytest.fixture
def nodes(store_dir: Path) -> Iterator[SmallGrid]:
    with (
        dask.config.set(scheduler="threads"),
        SmallGrid(store_dir, _NORTH, _SOUTH) as grid,
    ):
        yield grid
        close_all()


def _at(grid: SmallGrid, node: str) -> Handle:
    """The cache as a process on a node has it."""
    return Handle("dask", path=str(grid.nodes[node].store.directory))


def test_what_one_node_publishes_another_loads(nodes: SmallGrid, log: Log) -> None:
    north, south = _at(nodes, _NORTH), _at(nodes, _SOUTH)
    for name, collection in (("array", array(log)), ("frame", frame(log))):
        kept = persist(collection, name, cache=north)
        wanted = kept.compute()
        assert_same(load(name, cache=south).compute(), wanted)
        assert gridcache.dask.info(name, cache=south).nodes.keys() == {_NORTH}
    assert gridcache.dask.names(cache=south) == ["array", "frame"]
    log.clear()
    persist(array(log), "array", cache=south)
    assert log.count == 0
    with pytest.raises(NameInUseError):
        persist(array(log) + 1, "array", cache=south)
    assert release("array", cache=south) == 64 * 8
    assert gridcache.dask.names(cache=north) == ["frame"]
    assert [key for key in north.cache if "array" in key] == []


def test_two_copies_survive_the_loss_of_a_node(nodes: SmallGrid, log: Log) -> None:
    kept = persist(array(log), "it", cache=_at(nodes, _SOUTH), replicas=2)
    wanted = kept.compute()
    nodes.lose(_SOUTH)
    north = _at(nodes, _NORTH)
    assert gridcache.dask.info("it", cache=north).complete
    assert_same(load("it", cache=north).compute(), wanted)


def test_a_second_copy_is_made_of_what_is_there(nodes: SmallGrid, log: Log) -> None:
    south = _at(nodes, _SOUTH)
    wanted = persist(array(log), "it", cache=south).compute()
    log.clear()
    persist(array(log), "it", cache=south, replicas=2)
    assert log.count == 0
    assert gridcache.dask.info("it", cache=south).replicas == 2
    nodes.lose(_SOUTH)
    assert_same(load("it", cache=_at(nodes, _NORTH)).compute(), wanted)


def test_of_what_a_lost_node_had_only_that_is_computed_again(
    nodes: SmallGrid, log: Log
) -> None:
    north, south = _at(nodes, _NORTH), _at(nodes, _SOUTH)
    wanted = persist(array(log), "it", cache=north).compute()
    texts = sorted(key for key in north.cache if key.startswith("part:it:"))
    north.cache.delete_many(texts[:3])
    persist(array(log), "it", cache=south)
    nodes.lose(_SOUTH)

    found = gridcache.dask.info("it", cache=north)
    assert (found.present, found.partitions) == (1, 4)
    with pytest.raises(KeyNotFoundError, match=r"partition of 'it'.*persist\(coll"):
        load("it", cache=north).compute()
    log.clear()
    kept = persist(array(log), "it", cache=north)
    assert log.count == 3
    assert_same(kept.compute(), wanted)


def test_a_grid_of_one_node_is_enough(store_dir: Path, log: Log) -> None:
    with (
        dask.config.set(scheduler="threads"),
        SmallGrid(store_dir, _NORTH) as grid,
    ):
        kept = persist(array(log), "it", cache=_at(grid, _NORTH), replicas=2)
        assert float(kept.sum().compute()) == 2016
        close_all()


def test_write_through_is_shared_by_nodes(nodes: SmallGrid, log: Log) -> None:
    for node in (_NORTH, _SOUTH):
        kept = gridcache.dask.cache(array(log), cache=_at(nodes, node))
        assert float(kept.sum().compute()) == 2016
    assert log.count == 4


# -- a machine that dies ---------------------------------------------------------------


def _enter(directory: str, node: str) -> None:
    """Put a worker on a node."""
    os.environ["GRIDCACHE_DIRECTORY"] = directory
    os.environ["GRIDCACHE_NODE"] = node


@pytest.fixture
def machines(
    nodes: SmallGrid, store_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Client]:
    """Two workers, each on a node of its own; this process is on the first."""
    locks = [naming._try_lock(store_dir / node) for node in (_NORTH, _SOUTH)]
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(store_dir))
    monkeypatch.setenv("GRIDCACHE_NODE", _NORTH)
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
        dask.config.set(scheduler=client),
    ):
        _, second = client.scheduler_info()["workers"]
        client.run(_enter, str(store_dir), _SOUTH, workers=[second])
        yield client
        close_all()
    for lock in locks:
        assert lock is not None
        os.close(lock)


def test_a_machine_that_dies_while_it_persists_is_made_up_for(
    nodes: SmallGrid, machines: Client, log: Log, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    os.mkfifo(gate)
    numbers = da.from_array(np.arange(16.0), chunks=1)
    numbers = numbers.map_blocks(noted, str(log.path), meta=np.empty(0))
    numbers = numbers.map_blocks(_waits_in_the_south, str(gate), meta=np.empty(0))
    with ThreadPoolExecutor(1) as pool:
        kept = pool.submit(persist, numbers, "it")
        # Opened when the worker has it open; it has stored some by then.
        with gate.open() as inside:
            pid = int(inside.readline())
        nodes.lose(_SOUTH)
        os.kill(pid, signal.SIGKILL)
        assert float(kept.result(60).sum().compute()) == 120
    assert gridcache.dask.info("it").complete
    assert 16 <= log.count < 32


def _waits_in_the_south(block: Any, gate: str) -> Any:
    if os.environ["GRIDCACHE_NODE"] == _SOUTH and float(block[0]) > 6:
        with Path(gate).open("w") as inside:
            inside.write(f"{os.getpid()}\n")
        signal.pause()
    return block
