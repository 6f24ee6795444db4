"""Collections that are larger than the workers' memory."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dask
import dask.array as da
import pytest
from distributed import Client, LocalCluster

import gridcache.dask
from gridcache import GridCache
from gridcache.published.handle import close_all

_MIB = 1 << 20


@contextmanager
def _workers(memory_nbytes: int, directory: Path) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            dashboard_address=":0",
            memory_limit=memory_nbytes,
            local_directory=str(directory),
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


def _persist_without_spilling(
    client: Client, path: Path, count: int, chunk_nbytes: int
) -> None:
    workers = set(client.run(_spilled))
    with GridCache("dask", path=path, capacity=count * chunk_nbytes * 5 // 4) as cache:
        rows = chunk_nbytes // 8
        large = da.random.default_rng(1).random((rows, count), chunks=(rows, 1))
        kept = gridcache.dask.persist(large, "large", cache=cache)
        found = gridcache.dask.info("large", cache=cache)
        assert found.nbytes == count * chunk_nbytes
        assert len(kept.chunks[1]) == count
        assert client.run(_spilled) == dict.fromkeys(workers, 0)
        assert abs(float(kept.mean().compute()) - 0.5) < 0.01
        assert client.run(_spilled).keys() == workers  # nobody was killed
        client.run(close_all)
        close_all()


def _spilled(dask_worker: Any) -> int:
    """Bytes that the worker has ever written to its disk."""
    written = dask_worker.data.cumulative_metrics.items()
    return int(sum(count for (what, _), count in written if what == "disk-write"))


def test_three_times_what_the_workers_may_hold_passes_without_a_spill(
    store_dir: Path, tmp_path: Path
) -> None:
    # A process that has loaded Dask is larger than these: what counts is what Dask
    # holds, and not the size of the process.
    of = "distributed.worker.memory"
    off = dict.fromkeys((f"{of}.spill", f"{of}.pause", f"{of}.terminate"), False)
    with (
        dask.config.set({f"{of}.target": 0.6, **off}),
        _workers(8 * _MIB, tmp_path) as client,
    ):
        _persist_without_spilling(client, store_dir / "store", 48, _MIB)


@pytest.mark.soak
def test_two_gigabytes_pass_workers_of_400_megabytes(
    store_dir: Path, tmp_path: Path
) -> None:
    with _workers(400_000_000, tmp_path) as client:
        _persist_without_spilling(client, store_dir / "store", 125, 16_000_000)
