"""The scheduler beneath, and what it is told of tasks."""

import os
import pickle
import threading
from collections.abc import Iterator
from pathlib import Path
from types import MethodType
from typing import Any

import dask
import dask.array as da
import dask.bag as db
import numpy as np
import pytest
from dask import annotate  # type: ignore[attr-defined]
from dask.base import compute
from dask.delayed import delayed
from dask.local import get_sync
from distributed import Client, get_worker

from gridcache import GridCache
from gridcache.dask import cached
from gridcache.dask.address import handle_of
from gridcache.dask.identity.nodes import Task
from gridcache.dask.opportunistic import clone
from gridcache.dask.opportunistic.admission import Admission
from gridcache.dask.opportunistic.inner import beneath
from gridcache.dask.opportunistic.timed import Rules, Timed
from tests.dask.kit.notes import Log, noted
from tests.dask.opportunistic.kit import ALL, ASKED, until


def where(_: Any) -> str:
    return str(get_worker().address)


def flaky(value: Any, path: str) -> Any:
    """Fails the first time."""
    if not Path(path).exists():
        Path(path).touch()
        message = "once"
        raise OSError(message)
    return value


def seen(graph: Any) -> list[Any]:
    """What our scheduler would call for a collection."""
    called: list[Any] = []

    def note(dsk: Any, keys: Any, **options: Any) -> Any:
        called.append(beneath(None, dsk))
        return get_sync(dsk, keys, **options)

    with dask.config.set(scheduler=note):
        compute(*graph)
    return called


class TestBeneath:
    """What Dask would have called."""

    def test_it_is_what_the_collection_prefers(self) -> None:
        array, bag = da.ones(4, chunks=2), db.from_sequence([1, 2], npartitions=2)
        value = delayed(len)([1])
        processes = dask.base.named_schedulers["processes"]
        for several in ([array], [value], [array, value]):
            assert seen(several) == [dask.threaded.get]
        for several in ([bag], [bag.sum()], [bag, bag.sum()]):
            assert seen(several) == [processes]

    def test_it_is_the_client_if_there_is_one(self, workers: Client) -> None:
        (found,) = seen([da.ones(4, chunks=2)])
        assert found.__self__ is workers

    def test_a_setting_comes_before_the_client(
        self, cache: GridCache, workers: Client
    ) -> None:
        assert workers.status == "running"
        here = delayed(threading.get_ident, pure=True)()
        with dask.config.set(scheduler="sync"), cached(cache, **ALL):
            assert here.compute() == threading.get_ident()

    def test_the_block_may_name_it(self, cache: GridCache) -> None:
        here = delayed(threading.get_ident, pure=True)()
        with cached(cache, scheduler="sync", **ALL):
            assert here.compute() == threading.get_ident()

    def test_what_is_all_there_starts_no_processes(self, cache: GridCache) -> None:
        bag = db.from_sequence(range(4), npartitions=2).map(str)
        with cached(cache, scheduler="sync", **ALL):
            wanted = bag.compute()

        def refuse(*_: Any, **__: Any) -> Any:
            raise AssertionError

        with cached(cache, scheduler=refuse, **ALL):
            assert bag.compute() == wanted


@pytest.fixture
def unfused() -> Iterator[None]:
    """Dask itself forgets what layers of an array say when it fuses them."""
    with dask.config.set({"optimization.fuse.active": False}):
        yield


@pytest.mark.usefixtures("unfused")
class TestAnnotations:
    """What layers say of their tasks holds as without a cache."""

    @pytest.mark.parametrize("index", [0, 1])
    def test_workers(self, cache: GridCache, workers: Client, index: int) -> None:
        address = sorted(workers.scheduler_info()["workers"])[index]
        with annotate(workers=[address], allow_other_workers=False):
            value = delayed(where, pure=True)(index)
            array = da.ones(4, chunks=1).map_blocks(
                lambda block: np.array([where(block)]), dtype=object, meta=np.empty(0)
            )
        with cached(cache, **ALL) as stats:
            assert value.compute() == address
            assert set(array.compute()) == {address}
        assert stats.hits == 0

    def test_retries(self, cache: GridCache, workers: Client, tmp_path: Path) -> None:
        with annotate(retries=2):
            value = delayed(flaky, pure=True)(1, str(tmp_path / "a"))
        assert workers.status == "running"
        with cached(cache, **ALL):
            assert value.compute() == 1
            with annotate(retries=2):
                assert delayed(flaky, pure=True)(2, str(tmp_path / "b")).compute() == 2
            with pytest.raises(OSError, match="once"):
                delayed(flaky, pure=True)(3, str(tmp_path / "c")).compute()

    @ASKED
    def test_resources(self, cache: GridCache, workers: Client) -> None:
        with annotate(resources={"no such": 1}):
            array = da.ones(4, chunks=2) + 1
        with cached(cache, **ALL):
            waiting = array.persist()
        (key, _) = waiting.__dask_keys__()
        state = workers.cluster.scheduler.tasks  # type: ignore[union-attr]
        until(lambda: key in state and state[key].state == "no-worker")
        del waiting
        until(lambda: not workers.futures)


class TestCluster:
    """What differs where futures are given."""

    @ASKED
    def test_persist_returns_before_the_end(
        self, cache: GridCache, workers: Client, tmp_path: Path
    ) -> None:
        gate = tmp_path / "gate"
        assert workers.status == "running"

        def wait(path: str) -> int:
            until(Path(path).exists)
            return 3

        with cached(cache, **ALL) as stats:
            value = delayed(wait, pure=True)(str(gate)).persist()
            assert stats.stored == 0
            gate.touch()
            assert value.compute() == 3
        assert stats.stored == 1

    @ASKED
    def test_persist_reads_first_and_computes_what_is_lost(
        self, cache: GridCache, workers: Client, log: Log
    ) -> None:
        parts = [delayed(noted, pure=True)(n, str(log.path)) for n in range(3)]
        total = delayed(sum, pure=True)(parts)
        with cached(cache, **ALL):
            compute(*parts)
        until(lambda: not workers.futures)
        get: Any = Client.get
        calls: list[Any] = []

        def evicting(client: Client, *args: Any, **options: Any) -> Any:
            if not calls:
                cache.delete_many(list(cache.keys("auto:"))[:1])
            calls.append(args)
            return get(client, *args, **options)

        workers.get = MethodType(evicting, workers)  # type: ignore[method-assign]
        try:
            with cached(cache, scheduler=workers, **ALL) as stats:
                assert total.persist().compute() == 3
        finally:
            del workers.get
        assert log.count == 4
        assert stats.hits == 2

    def test_what_the_cluster_holds_is_used(
        self, cache: GridCache, workers: Client, log: Log
    ) -> None:
        value = delayed(noted, pure=True)(1, str(log.path))
        held = value.persist()
        until(lambda: all(one.status == "finished" for one in workers.futures.values()))
        with cached(cache, **ALL) as stats:
            assert delayed(str, pure=True)(value).compute() == "1"
            assert delayed(repr, pure=True)(held).compute() == "1"
        assert log.count == 1
        assert stats.misses == 2

    def test_other_processes_store_and_find(
        self, cache: GridCache, processes: Client, log: Log
    ) -> None:
        assert processes.status == "running"
        total = (da.ones(8, chunks=2).map_blocks(noted, str(log.path)) + 1).sum()
        for _ in range(2):
            with cached(cache, **ALL) as stats:
                assert total.compute() == 16
            until(lambda: not processes.futures)
        assert stats.misses == 0
        assert stats.hits == 1


class TestTimed:
    """What goes to every task."""

    def test_it_is_small_to_send(self, cache: GridCache) -> None:
        rules = Rules(handle_of(cache), Admission(), None)
        timed = Timed(os.getpid, "0" * 32, ("1" * 32,), rules, False)
        sent = pickle.dumps(timed, protocol=5)
        assert len(sent) < 500
        back = pickle.loads(sent)
        assert back.rules == rules
        assert pickle.loads(sent).rules is back.rules
        assert back() == os.getpid()
        assert timed.__name__ == "getpid"

    def test_a_clone_is_the_task_with_another_function(self) -> None:
        task = Task("key", max, 1, 2, default=3, _data_producer=True)
        for made in (clone._by_slots(task, min), clone._by_call(task, min)):
            assert made.func is min
            assert made.args == task.args
            assert made.kwargs == task.kwargs
            assert made.dependencies == task.dependencies
            assert made.data_producer
            assert task.func is max
        assert clone._KNOWN
