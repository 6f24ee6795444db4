"""Lost spilled blocks on a real cluster, whose slow stores lose what they are told to."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import dask
import numpy as np
import pytest
from dask.delayed import delayed
from distributed import Client, LocalCluster, wait
from distributed.client import FutureCancelledError

from gridcache.dask.recovery import RecoveryPlugin, recovery_figures
from tests.dask.recovery.losing import (
    LosingSpill,
    lose,
    lose_always,
    reads,
    spill_all,
)

_TIMEOUT = 8

_SETTLED = {
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.active-memory-manager.start": False,
}
"""Nothing moves or goes that a test did not ask for."""

_computed: Counter[int] = Counter()
"""How often a block was made; the workers are threads of this process."""


def block(number: int) -> np.ndarray:
    _computed[number] += 1
    return np.full(1000, float(number))


def boxed(number: int) -> list[float]:
    """A value that cannot be referred to weakly."""
    _computed[number] += 1
    return [float(number)] * 10


def total(*blocks: Any) -> float:
    return float(sum(np.sum(one) for one in blocks))


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    """Two workers in this process."""
    with (
        dask.config.set(_SETTLED),
        LocalCluster(
            n_workers=2,
            threads_per_worker=2,
            processes=False,
            dashboard_address=":0",
            memory_limit="8GiB",
            silence_logs=logging.WARNING,
        ) as cluster,
    ):
        yield cluster


@pytest.fixture(params=[False, True], ids=["empty", "forgotten"])
def client(cluster: LocalCluster, request: pytest.FixtureRequest) -> Iterator[Client]:
    _computed.clear()
    with Client(cluster) as client:
        client.register_plugin(LosingSpill(forgets=request.param))
        client.register_plugin(RecoveryPlugin())
        yield client
        client.unregister_worker_plugin("gridcache-recovery")
        client.unregister_worker_plugin("losing-spill")


def figures(client: Client, name: str) -> int:
    return sum(each[name] for each in client.run(recovery_figures).values())


def test_what_was_lost_is_computed_again_and_nothing_else(client: Client) -> None:
    blocks = client.map(block, range(20), pure=False)
    wait(blocks, timeout=_TIMEOUT)
    client.run(spill_all)
    gone = [future.key for future in blocks[::3]]
    client.run(lose, gone)
    result = client.submit(total, *blocks).result(timeout=_TIMEOUT)
    assert result == 1000 * sum(range(20))
    assert {n for n, times in _computed.items() if times == 2} == set(range(0, 20, 3))
    assert max(_computed.values()) == 2


def test_all_blocks_of_all_workers_lost(client: Client) -> None:
    blocks = client.map(block, range(12), pure=False)
    wait(blocks, timeout=_TIMEOUT)
    client.run(spill_all)
    client.run(lose)
    sums = client.map(np.sum, blocks)
    assert client.submit(sum, sums).result(timeout=_TIMEOUT) == 1000 * sum(range(12))
    assert set(_computed.values()) == {2}
    assert figures(client, "lost") == 12


def test_a_block_lost_while_it_goes_to_another_worker(client: Client) -> None:
    here, there = client.scheduler_info()["workers"]
    made = client.submit(block, 7, workers=[here], pure=False)
    wait(made, timeout=_TIMEOUT)
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, made, workers=[there], pure=False)
    assert used.result(timeout=_TIMEOUT) == 7000
    assert _computed == {7: 2}


def test_a_block_lost_before_the_client_gathers_it(client: Client) -> None:
    made = client.submit(block, 3, pure=False)
    wait(made, timeout=_TIMEOUT)
    client.run(spill_all)
    client.run(lose)
    assert made.result(timeout=_TIMEOUT).sum() == 3000
    assert _computed == {3: 2}


def test_a_block_lost_twice(client: Client) -> None:
    made = client.submit(block, 5, pure=False)
    for round_ in (1, 2):
        wait(made, timeout=_TIMEOUT)
        client.run(spill_all)
        client.run(lose)
        used = client.submit(total, made, pure=False)
        assert used.result(timeout=_TIMEOUT) == 5000
        assert _computed == {5: round_ + 1}


def test_a_lost_block_whose_inputs_are_gone_too(client: Client) -> None:
    base = delayed(block)(2)
    middle = delayed(np.add)(base, 1)
    kept = client.compute(middle)
    wait(kept, timeout=_TIMEOUT)
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, kept, pure=False)
    assert used.result(timeout=_TIMEOUT) == 3000
    assert _computed == {2: 2}


def test_a_lost_block_whose_inputs_are_spilled_and_lost(client: Client) -> None:
    base = client.submit(block, 2, pure=False)
    kept = client.submit(np.add, base, 1, pure=False)
    wait(kept, timeout=_TIMEOUT)
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, kept, pure=False)
    assert used.result(timeout=_TIMEOUT) == 3000
    assert _computed == {2: 2}


def test_a_replica_elsewhere_is_used_instead(client: Client) -> None:
    here, _ = client.scheduler_info()["workers"]
    made = client.submit(block, 4, workers=[here], pure=False)
    wait(made, timeout=_TIMEOUT)
    client.replicate(made)
    client.run(spill_all, workers=[here])
    client.run(lose, workers=[here])
    used = client.submit(total, made, workers=[here], pure=False)
    assert used.result(timeout=_TIMEOUT) == 4000
    assert _computed == {4: 1}


def test_scattered_data_cannot_be_made_again_and_says_so(client: Client) -> None:
    data = client.scatter(np.ones(1000))
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, data, pure=False)
    with pytest.raises(FutureCancelledError, match="scatter it once more"):
        used.result(timeout=_TIMEOUT)


def test_what_was_made_of_scattered_data_that_is_gone_says_so(client: Client) -> None:
    data = client.scatter(np.ones(1000))
    made = client.submit(np.add, data, 1, pure=False)
    wait(made, timeout=_TIMEOUT)
    del data
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, made, pure=False)
    with pytest.raises(FutureCancelledError, match="cancelled"):
        used.result(timeout=_TIMEOUT)


def test_scattered_data_lost_on_its_way_to_another_worker_says_so(
    client: Client,
) -> None:
    here, there = client.scheduler_info()["workers"]
    data = client.scatter(np.ones(1000), workers=[here])
    client.run(spill_all)
    client.run(lose)
    used = client.submit(total, data, workers=[there], pure=False)
    with pytest.raises(FutureCancelledError, match="scatter it once more"):
        used.result(timeout=_TIMEOUT)


def test_scattered_data_is_taken_from_another_worker_that_has_it(
    client: Client,
) -> None:
    here, _ = client.scheduler_info()["workers"]
    data = client.scatter(np.ones(1000), broadcast=True)
    client.run(spill_all)
    client.run(lose, workers=[here])
    used = client.submit(total, data, workers=[here], pure=False)
    assert used.result(timeout=_TIMEOUT) == 1000


@pytest.mark.parametrize("use", ["task", "gather"])
def test_a_block_lost_every_time_is_not_computed_for_ever(
    client: Client, use: str
) -> None:
    made = client.submit(block, 1, pure=False)
    wait(made, timeout=_TIMEOUT)
    client.run(lose_always, made.key)

    def use_again_and_again() -> None:
        for _ in range(20):
            wait(made, timeout=_TIMEOUT)
            client.run(spill_all)
            if use == "gather":
                client.gather(made)
            else:
                client.submit(total, made, pure=False).result(timeout=_TIMEOUT)

    with pytest.raises(FutureCancelledError, match="cancelled"):
        use_again_and_again()
    assert figures(client, "hopeless") == 1


@pytest.mark.parametrize("make", [block, boxed])
def test_a_spilled_input_is_read_once_for_many_tasks(
    client: Client, make: Callable[[int], Any]
) -> None:
    here, _ = client.scheduler_info()["workers"]
    made = client.submit(make, 6, workers=[here], pure=False)
    wait(made, timeout=_TIMEOUT)
    client.run(spill_all)
    used = [client.submit(total, made, i, workers=[here], pure=False) for i in range(8)]
    wait(used, timeout=_TIMEOUT)
    assert client.run(reads)[here].count(made.key) == 1


def test_the_event_loop_runs_on_while_a_block_is_read(
    cluster: LocalCluster, client: Client
) -> None:
    worker = cluster.workers[0]
    here = worker.address
    made = client.submit(block, 9, workers=[here], pure=False)
    wait(made, timeout=_TIMEOUT)
    client.run(spill_all)
    gate, reading = threading.Event(), threading.Event()
    store = worker.data.slow.data
    stock = store.load

    def gated(frames: bytearray) -> Any:
        reading.set()
        assert gate.wait(_TIMEOUT)
        return stock(frames)

    store.load = gated
    try:
        used = client.submit(total, made, workers=[here], pure=False)
        assert reading.wait(_TIMEOUT)
        other = client.submit(total, 1, workers=[here], pure=False)
        assert other.result(timeout=_TIMEOUT) == 1
        assert not used.done()
    finally:
        gate.set()
        store.load = stock
    assert used.result(timeout=_TIMEOUT) == 9000


def test_an_input_that_is_spilled_and_lost_while_another_is_read(
    cluster: LocalCluster, client: Client
) -> None:
    worker = cluster.workers[0]
    where = [worker.address]
    cold = client.submit(block, 1, workers=where, pure=False)
    wait(cold, timeout=_TIMEOUT)
    client.run(spill_all, workers=where)
    hot = client.submit(boxed, 2, workers=where, pure=False)
    wait(hot, timeout=_TIMEOUT)
    reading, gate = threading.Event(), threading.Event()
    store = worker.data.slow.data
    stock = store.load

    def gated(frames: bytearray) -> Any:
        reading.set()
        assert gate.wait(_TIMEOUT)
        return stock(frames)

    store.load = gated
    try:
        used = client.submit(total, cold, hot, workers=where, pure=False)
        assert reading.wait(_TIMEOUT)
        client.run(spill_all, workers=where)
        client.run(lose, [hot.key], workers=where)
    finally:
        gate.set()
        store.load = stock
    assert used.result(timeout=_TIMEOUT) == 1020
