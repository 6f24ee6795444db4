"""Other processes: those that load, those that persist the same, those that die."""

import multiprocessing
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dask
import pytest
from distributed import Client, LocalCluster

import gridcache.dask
from gridcache import GridCache
from gridcache.errors import NameInUseError, NameNotFoundError
from tests.dask.kit.collections import array
from tests.dask.kit.notes import Log
from tests.dask.programs.persist import BLOCKS, blocks
from tests.store.kit.processes import Child

persist, load = gridcache.dask.persist, gridcache.dask.load


class Program(Child):
    """One of `tests.dask.programs`."""

    package = "tests.dask.programs"


def _texts(cache: GridCache) -> list[str]:
    return sorted(map(str, cache))


def test_it_is_found_by_name_when_the_cluster_is_gone(
    cache: GridCache, log: Log
) -> None:
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster),
    ):
        persist(array(log), "it", cache=cache)
    with Program("load", cache.path, "it", "threads") as other:
        other.hear("Array 2016.0 (8, 8)")


# -- the same name at once -----------------------------------------------------------


def test_two_that_persist_the_same_at_once_both_get_it(
    cache: GridCache, log: Log
) -> None:
    with Program("persist", cache.path, "it", log.path, 1.0) as other:
        other.hear("inside")
        kept = persist(blocks(str(log.path), 1.0), "it", cache=cache)
        other.tell()
        other.hear("28.0")
    assert float(kept.sum().compute()) == 28
    assert len(_texts(cache)) == 1 + BLOCKS


def test_of_two_different_ones_the_first_wins_and_the_other_leaves_nothing(
    cache: GridCache, log: Log
) -> None:
    with Program("persist", cache.path, "it", log.path, 2.0) as other:
        other.hear("inside")
        kept = persist(blocks(str(log.path), 1.0), "it", cache=cache)
        other.tell()
        other.hear("NameInUseError")
    assert float(kept.sum().compute()) == 28
    assert len(_texts(cache)) == 1 + BLOCKS
    assert gridcache.dask.info("it", cache=cache).complete


def test_many_that_race_for_a_name_leave_one_whole(cache: GridCache, log: Log) -> None:
    def run(step: int) -> float | None:
        try:
            kept = persist(
                blocks(str(log.path), step), "it", cache=cache, scheduler="sync"
            )
        except NameInUseError:
            return None
        return float(kept.sum().compute(scheduler="sync"))

    with ThreadPoolExecutor(6) as threads:
        sums = list(threads.map(run, [1, 1, 2, 2, 3, 3]))
    won = {found for found in sums if found is not None}
    assert len(won) == 1
    assert sums.count(None) == 4
    assert len(_texts(cache)) == 1 + BLOCKS
    assert cache.check().ok


def test_many_that_overwrite_a_name_leave_one_whole(cache: GridCache, log: Log) -> None:
    def run(step: int) -> None:
        persist(
            blocks(str(log.path), step),
            "it",
            cache=cache,
            scheduler="sync",
            overwrite=True,
        )

    with ThreadPoolExecutor(3) as threads:
        # Each that is done drops what the others have stored so far.
        list(threads.map(run, [1, 2, 3] * 4))
    assert float(load("it", cache=cache).sum().compute()) in {28, 56, 84}
    assert len(_texts(cache)) == 1 + BLOCKS


def test_different_names_from_two_threads_do_not_meet(
    cache: GridCache, log: Log
) -> None:
    def run(step: int) -> float:
        kept = persist(blocks(str(log.path), step), f"it{step}", cache=cache)
        return float(kept.sum().compute())

    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(run, [1, 2])) == [28, 56]


def test_who_loads_while_another_overwrites_reads_all_of_one(
    cache: GridCache, log: Log
) -> None:
    persist(blocks(str(log.path), 1.0), "it", cache=cache)
    before = load("it", cache=cache)
    persist(blocks(str(log.path), 2.0), "it", cache=cache, overwrite=True)
    assert float(load("it", cache=cache).sum().compute()) == 56
    with pytest.raises(KeyError, match="not in the grid any more"):
        before.compute()


# -- those that die ------------------------------------------------------------------


def test_a_client_that_was_killed_has_published_nothing_and_the_next_goes_on(
    cache: GridCache, log: Log
) -> None:
    with Program("persist", cache.path, "it", log.path, 1.0) as other:
        other.hear("inside")
        other.kill()
    with pytest.raises(NameNotFoundError):
        load("it", cache=cache)
    there = len(_texts(cache))
    log.clear()
    kept = persist(blocks(str(log.path), 1.0), "it", cache=cache)
    assert log.count == BLOCKS - there
    assert float(kept.sum().compute()) == 28


def test_a_worker_that_is_killed_is_made_up_for(
    cache: GridCache, log: Log, processes: Client, tmp_path: Path
) -> None:
    fate = tmp_path / "killed"
    numbers = blocks(str(log.path), 1.0).map_blocks(_kills_once, str(fate), dtype=float)
    kept = persist(numbers, "it", cache=cache)
    assert fate.exists()
    assert float(kept.sum().compute()) == 28
    assert gridcache.dask.info("it", cache=cache).complete


def _kills_once(block: Any, fate: str) -> Any:
    """The block; of one, the first process that has it dies."""
    if block.size and float(block[0]) == 5:
        try:
            Path(fate).touch(exist_ok=False)
        except FileExistsError:
            return block
        os.kill(os.getpid(), signal.SIGKILL)
    return block


def test_a_forked_child_persists_and_loads(cache: GridCache, log: Log) -> None:
    persist(array(log), "it", cache=cache)
    context = multiprocessing.get_context("fork")
    child = context.Process(target=_in_child, args=(cache, log))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert gridcache.dask.names(cache=cache) == ["it", "of the child"]


def _in_child(cache: GridCache, log: Log) -> None:
    with dask.config.set(scheduler="sync"):
        load("it", cache=cache).compute()
        persist(array(log) + 1, "of the child", cache=cache)


@pytest.fixture(autouse=True)
def threads(request: pytest.FixtureRequest) -> Iterator[None]:
    """No cluster of another module is in use, unless a test asks for one."""
    if "processes" in request.fixturenames:
        yield
        return
    with dask.config.set(scheduler="threads"):
        yield
