"""Run: what a figure of Ray Data is given to measure with, and which there are."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridcache.bench.ray_data.driver import Driver, driver
from gridcache.bench.result import Result
from gridcache.bench.run import Plan, Run, Suite
from gridcache.bench.scale import RayDataScale
from gridcache.machine import free_nbytes

__all__ = ["FIGURES", "RayDataRun", "measure_figures"]

FIGURES = (
    "persist",
    "second_job",
    "epochs",
    "local_reads",
)
"""Modules of `gridcache.bench.ray_data.figures`."""

_PACKAGE = "gridcache.bench.ray_data.figures"
_SPARE = 128 << 20


class RayDataRun(Run):
    """A run that starts drivers of Ray."""

    @property
    def sizes(self) -> RayDataScale:
        """Counts and sizes."""
        return self.scale.ray_data

    def capacity_nbytes(self, nbytes: int) -> int:
        """Of a store with room for that much.

        Raises
        ------
        MemoryError
            The file system has not twice as much free, and room for Ray's own.
        """
        capacity = nbytes + nbytes // 4 + _SPARE
        wanted = 2 * capacity + self.sizes.object_store_nbytes
        free = free_nbytes(self.place)
        if free < wanted:
            message = f"{wanted} bytes are needed, {free} are free at {self.place}"
            raise MemoryError(message)
        return capacity

    @contextmanager
    def driver(
        self, cluster: str, directory: Path, **arguments: Any
    ) -> Iterator[Driver]:
        """A driver while the block lasts; see `driver`."""
        with driver(cluster, self.sizes, directory, **arguments) as one:
            yield one

    @contextmanager
    def alone(self, nbytes: int) -> Iterator[Driver]:
        """A driver with a cluster of its own, and a store with room for that much."""
        with self.driver(
            "own",
            self.new_path("store"),
            capacity_nbytes=self.capacity_nbytes(nbytes),
            object_store_nbytes=self.sizes.object_store_nbytes,
        ) as one:
            yield one

    def new_path(self, name: str) -> Path:
        """In the place of this run."""
        return self.place / self.unique(name).replace(" ", "-")


def measure_figures(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the figures of Ray Data; one that fails is a row that says so."""
    return Suite("ray-data", FIGURES, _PACKAGE, RayDataRun).measured(plan, place)
