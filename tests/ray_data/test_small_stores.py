"""Stores that are smaller than a dataset: it goes to disk whole, or not at all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import ray.data
from ray.data import Dataset

from gridcache.cluster.actors.connect import connect
from gridcache.published.handle import Handle
from gridcache.ray_data import catalog
from gridcache.ray_data.datasink import GridDatasink
from gridcache.ray_data.reading import load
from tests.cluster.kit.ray_cluster import RayCluster, pair

pytestmark = [pytest.mark.ray, pytest.mark.soak]

_MIB = 1 << 20


@pytest.fixture
def small(ray_data: RayCluster, grid_name: str, tmp_path: Path) -> Iterator[Handle]:
    """A cache of a grid with 48 MiB of memory and 64 MiB of disk."""
    asked: dict[str, Any] = {"disk": "32MiB", "disk_directory": tmp_path}
    with connect(name=grid_name, capacity="24MiB", **asked) as grid:
        pair(grid)
        yield Handle("small", grid=grid.name)
        grid.stop(remove_stores=True)


def noise(mebibytes: int) -> Dataset:
    """Rows of 1 MiB that do not compress, one to a Ray block; numbered."""

    def row(numbered: dict[str, Any]) -> dict[str, Any]:
        random = np.random.default_rng(numbered["id"])
        return {"id": numbered["id"], "noise": random.bytes(_MIB)}

    return ray.data.range(mebibytes, override_num_blocks=mebibytes).map(row)


def rows(name: str, handle: Handle) -> set[int]:
    """Read a dataset; returns the numbers of the rows that are as they were."""
    return {
        one["id"]
        for one in load(name, cache=handle).iter_rows()
        if one["noise"] == np.random.default_rng(one["id"]).bytes(_MIB)
    }


def test_a_dataset_beyond_all_memory_is_published_and_one_beyond_the_disks_is_not(
    small: Handle,
) -> None:
    """What is published stays whole, also when a later write finds no room."""
    noise(60).write_datasink(GridDatasink("large", cache=small))
    assert rows("large", small) == set(range(60))
    before = set(small.cache)
    with pytest.raises(Exception, match="no other node has room"):
        noise(100).write_datasink(GridDatasink("larger", cache=small))
    with pytest.raises(Exception, match="no other node has room"):
        noise(100).write_datasink(GridDatasink("large", cache=small))
    assert set(small.cache) == before
    assert catalog.names(cache=small) == ["large"]
    assert rows("large", small) == set(range(60))
    catalog.release("large", cache=small)
    assert set(small.cache) == set()
    # The room is free again.
    noise(60).write_datasink(GridDatasink("next", cache=small))
    assert rows("next", small) == set(range(60))
