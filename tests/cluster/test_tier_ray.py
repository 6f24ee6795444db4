"""The spill ladder of a real grid: more than its memory holds, and nothing is lost."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gridcache.cluster.actors.connect import connect
from gridcache.cluster.home.naming import read_facts
from gridcache.cluster_config import ClusterConfig, GridSettings
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_until
from tests.cluster.kit.tiers import array

pytestmark = pytest.mark.ray


def test_values_beyond_the_memory_of_all_nodes_are_found_again(
    ray_cluster: RayCluster, grid_name: str, tmp_path: Path
) -> None:
    """Every node gets the disk that is asked for, which goes with its store."""
    file = ClusterConfig(gridcache=GridSettings(replicas=2))
    asked: dict[str, Any] = {"disk": "96MiB", "disk_directory": tmp_path}
    with connect(name=grid_name, config=file, capacity="24MiB", **asked) as grid:
        stores = {Path(one.store).name for one in pair(grid)}
        assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == stores
        assert grid.store is not None
        assert grid.store_path is not None
        facts = read_facts(grid.store_path)
        assert facts is not None
        assert facts.replicas == 2
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
            # What is pinned waits for nobody: it finds room while the others leave.
            for number in range(60):
                cache.put(f"p{number}", array(number), immutable=True, pin=True)
            for number in range(60):
                np.testing.assert_array_equal(cache[f"p{number}"], array(number))
            cache["mutable"] = array(0)
            assert cache.clear() > 60
            tier = cache.stats().tier
            assert tier is not None
            assert tier.disk_entries == 0
        grid.stop(remove_stores=True)
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]
