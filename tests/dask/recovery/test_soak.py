"""Recovery while a store goes on losing what it has: minutes, for `make soak`."""

import logging
import random
import threading
import time
from collections.abc import Iterator
from typing import Any

import dask
import dask.array as da
import pytest
from distributed import Client, LocalCluster

from gridcache.dask.recovery import RecoveryPlugin, recovery_figures
from tests.dask.recovery.losing import LosingSpill

_RUN_S = 60
_LOSING_S = 2
"""Of each round; a tenth of all blocks every 20 ms, more than is made in that time."""
_TIMEOUT = 90
_SIDE = 1500

_TIGHT = {
    "distributed.worker.memory.target": 0.001,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": False,
}


class Loser(threading.Thread):
    """Loses blocks of all workers, now and then."""

    def __init__(self, cluster: LocalCluster) -> None:
        super().__init__(daemon=True)
        self._cluster = cluster
        self._random = random.Random(7)
        self.until_s = 0.0
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.02):
            if time.monotonic() < self.until_s:
                for worker in self._cluster.workers.values():
                    self._lose(worker.data.slow.data.d)

    def _lose(self, store: Any) -> None:
        there = [key for key, frames in list(store.frames.items()) if frames]
        if there:
            store.lose(self._random.sample(there, max(1, len(there) // 10)))


@pytest.fixture
def client() -> Iterator[Client]:
    with (
        dask.config.set(_TIGHT),
        LocalCluster(
            n_workers=3,
            threads_per_worker=2,
            processes=False,
            dashboard_address=":0",
            memory_limit="1GB",
            silence_logs=logging.CRITICAL,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(LosingSpill())
        client.register_plugin(RecoveryPlugin(limit=50))
        yield client


@pytest.mark.soak
def test_what_is_lost_again_and_again_is_computed_in_the_end(client: Client) -> None:
    assert isinstance(client.cluster, LocalCluster)
    loser = Loser(client.cluster)
    loser.start()
    began_s, rounds = time.monotonic(), 0
    while time.monotonic() - began_s < _RUN_S:
        rounds += 1
        x = da.full((_SIDE, _SIDE), float(rounds), chunks=300)
        spread = (x - x.mean(axis=1)[:, None]).std(axis=0)
        total = ((x + x.T).sum(axis=0) * spread + x.T.dot(x).sum(axis=0)).sum()
        loser.until_s = time.monotonic() + _LOSING_S
        result = client.compute(total).result(timeout=_TIMEOUT)
        assert result == float(_SIDE) ** 3 * rounds**2
    loser.ended.set()
    loser.join()
    lost = sum(one["lost"] for one in client.run(recovery_figures).values())
    assert lost > rounds
