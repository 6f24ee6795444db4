"""Pools on a grid of two nodes with real streams, in one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.pool import SyncDistributedMemoryPool
from tests.pool.members import TestGrid, run_grid


@pytest.fixture
def grid(store_dir: Path) -> Iterator[TestGrid]:
    """Nodes `gpu1`, which this process is on, and `gpu2`."""
    with run_grid(store_dir, "gpu1", "gpu2") as grid:
        yield grid


@pytest.fixture
def pool(grid: TestGrid) -> Iterator[SyncDistributedMemoryPool]:
    """A pool of a process on `gpu1`."""
    with SyncDistributedMemoryPool(grid) as pool:
        yield pool


@pytest.fixture(params=["gpu1", "gpu2"])
def node(request: pytest.FixtureRequest) -> str:
    """One's own node, and another."""
    return str(request.param)
