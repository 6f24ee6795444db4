"""Run: what a figure of Dask is given to measure with, and which there are."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from distributed import Client

from gridcache.bench.dask.cluster import local_workers
from gridcache.bench.place import disk_place
from gridcache.bench.result import Result
from gridcache.bench.run import Plan, Run, Suite
from gridcache.bench.scale import DaskScale
from gridcache.cache import GridCache
from gridcache.published.handle import close_all

__all__ = ["FIGURES", "DaskRun", "measure_figures"]

FIGURES = (
    "never_hits",
    "spill",
    "persist",
    "second_run",
    "client_traffic",
)
"""Modules of `gridcache.bench.dask.figures`."""

_PACKAGE = "gridcache.bench.dask.figures"
_SPARE = 128 << 20


class DaskRun(Run):
    """A run with a place on disk and clusters of two workers."""

    def __init__(self, plan: Plan, place: Path) -> None:
        super().__init__(plan, place)
        self.disk = self._stack.enter_context(disk_place())
        """A directory on the file system of temporary files."""
        self._client: Client | None = None

    @property
    def sizes(self) -> DaskScale:
        """Counts and sizes."""
        return self.scale.dask

    @property
    def client(self) -> Client:
        """The default client, of two workers that figures share; up until the end."""
        if self._client is None:
            self._client = self._stack.enter_context(
                self.workers(self.sizes.worker_nbytes)
            )
        return self._client

    @contextmanager
    def workers(
        self, memory_nbytes: int, target: float | None = None
    ) -> Iterator[Client]:
        """Two workers with little memory; as `local_workers`."""
        directory = self.disk / self.unique("workers").replace(" ", "-")
        with local_workers(directory, memory_nbytes, target) as client:
            yield client

    @contextmanager
    def store(self, nbytes: int) -> Iterator[GridCache]:
        """A cache of Dask's in a new store with room for that much.

        Raises
        ------
        MemoryError
            The file system has not that much free.
        """
        name = self.unique("dask").replace(" ", "-")
        with ExitStack() as undo:
            undo.callback(shutil.rmtree, self.place / "stores" / name, True)
            undo.callback(close_all)
            cache = self.cache(name, nbytes + nbytes // 4 + _SPARE)
            undo.callback(cache.close)
            yield cache


def measure_figures(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the figures of Dask; one that fails is a row that says so."""
    return Suite("dask", FIGURES, _PACKAGE, DaskRun).measured(plan, place)
