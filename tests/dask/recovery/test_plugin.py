"""Installing recovery: when it stays off, what it puts back, and other clusters."""

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pytest
from distributed import Client, LocalCluster, Worker, wait, worker_state_machine

from gridcache.dask.recovery import RecoveryPlugin, recovery_figures
from tests.dask.recovery.losing import LosingSpill, lose, spill_all

_TIMEOUT = 30


def start(*, processes: bool = False, memory_limit: Any = "8GiB") -> LocalCluster:
    return LocalCluster(
        n_workers=1 + processes,
        threads_per_worker=2,
        processes=processes,
        dashboard_address=":0",
        memory_limit=memory_limit,
        silence_logs=logging.WARNING,
    )


@pytest.fixture
def client() -> Iterator[Client]:
    with start() as cluster, Client(cluster) as client:
        yield client


def state(dask_worker: Any) -> tuple[bool, bool]:
    """Whether a worker's own two methods are in place."""
    own = dask_worker.get_data
    return "execute" in vars(dask_worker), dask_worker.handlers["get_data"] == own


def test_it_is_supported_here() -> None:
    assert RecoveryPlugin.supported() is None


def test_teardown_puts_back_what_it_replaced(client: Client) -> None:
    before = client.run(state)
    client.register_plugin(RecoveryPlugin())
    during = client.run(state)
    client.unregister_worker_plugin("gridcache-recovery")
    assert client.run(state) == before != during
    assert client.run(recovery_figures) == dict.fromkeys(before)


def test_registered_twice_it_is_there_once(client: Client) -> None:
    before = client.run(state)
    for _ in range(2):
        client.register_plugin(RecoveryPlugin())
    client.unregister_worker_plugin("gridcache-recovery")
    assert client.run(state) == before


def test_it_steps_aside_when_others_wrapped_it_since(client: Client) -> None:
    def wrap(dask_worker: Any) -> None:
        inner = dask_worker.execute

        async def execute(key: Any, *, stimulus_id: str) -> Any:
            return await inner(key, stimulus_id=stimulus_id)

        dask_worker.execute = execute

    client.register_plugin(RecoveryPlugin())
    client.run(wrap)
    client.unregister_worker_plugin("gridcache-recovery")
    assert client.submit(sum, [1, 2]).result(timeout=_TIMEOUT) == 3


def test_it_stays_off_where_a_hook_is_missing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def execute(self: Any, key: Any) -> None:
        """Another release's idea of it."""

    before = client.run(state)
    with monkeypatch.context() as patched:
        patched.setattr(Worker, "execute", execute)
        reason = RecoveryPlugin.supported()
        client.register_plugin(RecoveryPlugin())
    assert reason is not None
    assert "Worker.execute" in reason
    (figures,) = client.run(recovery_figures).values()
    assert figures["off"] == reason
    assert client.run(state) == before
    (log,) = client.get_worker_logs().values()
    said = [line for _, line in log if "stays off" in line]
    assert len(said) == 1
    assert reason in said[0]


def other_event(*, key: str) -> None:
    """What another release may make of an event."""


@pytest.mark.parametrize("name", ["FreeKeysEvent", "RescheduleEvent"])
def test_events_of_another_shape_are_noticed(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr(worker_state_machine, name, other_event)
    assert name in str(RecoveryPlugin.supported())
    monkeypatch.delattr(worker_state_machine, name)
    assert name in str(RecoveryPlugin.supported())


def test_it_stays_off_where_an_attribute_is_missing(client: Client) -> None:
    def take_away(dask_worker: Any) -> None:
        del dask_worker.transfer_outgoing_count_limit

    client.run(take_away)
    client.register_plugin(RecoveryPlugin())
    (figures,) = client.run(recovery_figures).values()
    assert "Worker.transfer_outgoing_count_limit" in figures["off"]


def test_it_stays_off_where_nothing_spills() -> None:
    with start(memory_limit=0) as cluster, Client(cluster) as client:
        client.register_plugin(RecoveryPlugin())
        (figures,) = client.run(recovery_figures).values()
        assert "does not spill" in figures["off"]
        assert client.submit(sum, [1, 2]).result(timeout=_TIMEOUT) == 3


def test_it_stays_off_where_a_worker_checks_itself() -> None:
    with (
        dask.config.set({"distributed.worker.validate": True}),
        start() as cluster,
        Client(cluster) as client,
    ):
        client.register_plugin(RecoveryPlugin())
        (figures,) = client.run(recovery_figures).values()
        assert "distributed.worker.validate" in figures["off"]


def make(number: int, folder: str) -> np.ndarray:
    with (Path(folder) / str(number)).open("a") as log:
        log.write(f"{os.getpid()}\n")
    return np.full(1000, float(number))


def times(folder: Path) -> dict[int, int]:
    return {int(log.name): len(log.read_text().split()) for log in folder.iterdir()}


def test_workers_that_are_processes(tmp_path: Path) -> None:
    with start(processes=True) as cluster, Client(cluster) as client:
        client.register_plugin(LosingSpill())
        client.register_plugin(RecoveryPlugin())
        blocks = client.map(make, range(8), folder=str(tmp_path), pure=False)
        wait(blocks, timeout=_TIMEOUT)
        client.run(spill_all)
        gone = client.run(lose, [block.key for block in blocks[:3]])
        # One task on one worker: the others' blocks are lost on their way to it.
        result = client.submit(np.sum, blocks).result(timeout=_TIMEOUT)
        assert result == 1000 * sum(range(8))
        assert sum(map(len, gone.values())) == 3
    assert times(tmp_path) == {n: 2 if n < 3 else 1 for n in range(8)}


def test_dasks_own_spill_files_that_are_deleted(client: Client, tmp_path: Path) -> None:
    def delete(lost: list[str], dask_worker: Any) -> int:
        spilled = dask_worker.data.slow.data.d
        files = [f for key, f in spilled.filenames.items() if key in lost]
        for file in files:
            (Path(spilled.directory) / file).unlink()
        return len(files)

    client.register_plugin(RecoveryPlugin())
    blocks = client.map(make, range(4), folder=str(tmp_path), pure=False)
    keys = [block.key for block in blocks]
    for _ in range(2):
        wait(blocks, timeout=_TIMEOUT)
        client.run(spill_all)
        assert list(client.run(delete, keys).values()) == [4]
        total = client.submit(np.sum, blocks, pure=False)
        assert total.result(timeout=_TIMEOUT) == 6000
    assert set(times(tmp_path).values()) == {3}
    (left,) = client.run(
        lambda dask_worker: dict(dask_worker.data.slow.data.weight_by_key)
    ).values()
    assert not set(keys) & set(left)
