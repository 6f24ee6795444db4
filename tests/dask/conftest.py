"""Fixtures: a cache with a store of its own, and Dask clusters.

A plugin of nobody else; `workers` lives in this process, `processes` in others.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
import pytest
from distributed import Client, LocalCluster

from gridcache import GridCache
from gridcache.published.handle import close_all
from tests.dask.kit.notes import Log


@pytest.fixture(scope="session", autouse=True)
def quiet_dask() -> Iterator[None]:
    """Ports of nobody, no dashboard, and no question to the terminal."""
    with dask.config.set({"distributed.admin.tick.limit": "30s"}):
        yield


@pytest.fixture
def cache(store_dir: Path) -> Iterator[GridCache]:
    """A cache with an own store; what tasks have opened is closed with it."""
    with GridCache("dask", path=store_dir / "store", capacity="256MiB") as opened:
        yield opened
        close_all()


@pytest.fixture
def log(tmp_path: Path) -> Log:
    """Notes of calls, by whatever process makes them."""
    return Log(tmp_path / "log")


@contextmanager
def _two_workers(*, processes: bool) -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=processes,
            dashboard_address=":0",
        ) as cluster,
        Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def local_workers() -> Iterator[Client]:
    """Use `workers`."""
    with _two_workers(processes=False) as client:
        yield client


@pytest.fixture
def workers(local_workers: Client) -> Client:
    """A client of two workers in this process."""
    return local_workers


@pytest.fixture(scope="module")
def process_workers() -> Iterator[Client]:
    """Use `processes`."""
    with _two_workers(processes=True) as client:
        yield client


@pytest.fixture
def processes(process_workers: Client) -> Client:
    """A client of two workers in processes of their own."""
    return process_workers
