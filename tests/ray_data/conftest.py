"""Fixtures: Ray Data on the cluster of all tests, quiet, with a namespace of its own.

`handle` is spread over the grid of two nodes; `local` has a store of its own, which
tasks of both nodes find in this machine's memory.
"""

import itertools
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from gridcache import GridCache
from gridcache.published.handle import Handle, close_all
from tests.cluster.kit.ray_cluster import RayCluster, quietly
from tests.ray_data.kit.notes import Notes

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid

_numbers = itertools.count(1)


@pytest.fixture(scope="session", autouse=True)
def quiet_ray_data() -> Iterator[None]:
    """No bars, and no log of errors that tests cause on purpose."""
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    yield
    close_all()


@pytest.fixture
def ray_data(ray_cluster: RayCluster) -> Iterator[RayCluster]:
    """The cluster, with this process connected to it and Ray Data quiet."""
    quietly(_quiet_context)
    yield ray_cluster
    close_all()


def _quiet_context() -> None:
    from ray.data import DataContext  # noqa: PLC0415 - imports Ray

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.execution_options.verbose_progress = False


@pytest.fixture
def handle(ray_data: RayCluster, grid: "Grid") -> Iterator[Handle]:
    """A namespace of the grid that no other test uses; it ends empty."""
    one = Handle(f"ray-data-{os.getpid()}-{next(_numbers)}", grid=grid.name)
    yield one
    # A test may have lost a node: what was there alone is gone with it.
    quietly(one.renewed().cache.clear)


@pytest.fixture
def local(ray_data: RayCluster, store_dir: Path) -> Iterator[Handle]:
    """A cache with a store of its own."""
    with GridCache("ray_data", path=store_dir / "store", capacity="64MiB") as opened:
        yield Handle.of(opened, "ray_data")
        close_all()


@pytest.fixture
def notes(tmp_path: Path) -> Notes:
    """Notes of calls, by whatever process makes them."""
    return Notes(tmp_path / "notes")
