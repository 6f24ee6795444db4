"""The spill ladder of a real grid: more than its memory holds, and nothing is lost."""

from pathlib import Path

import numpy as np
import pytest

from gridcache.cluster.actors.connect import connect
from tests.cluster.kit.ray_cluster import RayCluster, wait_for_nodes, wait_until
from tests.cluster.kit.tiers import array

pytestmark = pytest.mark.ray


def test_values_beyond_the_memory_of_all_nodes_are_found_again(
    ray_cluster: RayCluster, grid_name: str, tmp_path: Path
) -> None:
    with connect(
        name=grid_name, capacity="24MiB", disk="96MiB", disk_directory=tmp_path
    ) as grid:
        assert grid.here is not None
        wait_for_nodes(grid, grid.here, f"{grid.here}-1")
        assert grid.store is not None
        cold = grid.store.cold
        with grid.cache("c") as cache:
            for number in range(60):
                cache.put(f"k{number}", array(number), immutable=True)
                wait_until(lambda: cold.fill().share < 0.9)
            tier = cache.stats().tier
            assert tier is not None
            assert tier.demoted_entries > 0
            for number in range(60):
                np.testing.assert_array_equal(cache[f"k{number}"], array(number))
        grid.stop(remove_stores=True)
