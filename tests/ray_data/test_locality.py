"""Ray blocks are read on the node that has them, and nodes may go."""

from typing import Any

import pytest
import ray

from gridcache.cluster.actors.grid import Grid
from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.reading import load
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_until
from tests.ray_data.kit.placed import ids, placed

pytestmark = pytest.mark.ray


def rows_by_node(dataset: Any) -> dict[int, str]:
    """The Ray node that read each row."""
    read: dict[int, str] = {}
    for bundle in dataset.iter_internal_ref_bundles():
        for entry in bundle.blocks:
            for one in ray.get(entry.ref)["id"].to_pylist():
                read[one] = entry.metadata.exec_stats.node_id
    return read


def test_rows_are_read_on_their_own_node(grid: Grid, handle: Handle) -> None:
    nodes = [one.ray_node_id for one in pair(grid)]
    at = [nodes[number % 3 == 0] for number in range(24)]
    blocks = [ids(number * 10, number * 10 + 10) for number in range(24)]
    placed(handle, "it", zip(at, blocks, strict=True))
    read = rows_by_node(load("it", cache=handle))
    assert read.keys() == set(range(240))
    own = sum(read[row] == at[row // 10] for row in read)
    assert own >= 0.95 * len(read)


@pytest.mark.parametrize("replicas", [1, 2])
def test_of_a_node_that_dies_its_copies_are_read_or_it_is_named(
    replicas: int, grid: Grid, handle: Handle, ray_data: RayCluster
) -> None:
    first, _ = pair(grid)
    machine = ray_data.add_node("short-lived")
    wait_until(lambda: grid.view().by_name("short-lived") is not None)
    at = [first.ray_node_id, machine.node_id] * 4
    blocks = [ids(number * 10, number * 10 + 10) for number in range(8)]
    placed(handle, "it", zip(at, blocks, strict=True), replicas=replicas)
    dataset = load("it", cache=handle)
    ray_data.kill_node(machine)
    wait_until(lambda: grid.view().by_name("short-lived") is None)
    if replicas == 1:
        with pytest.raises(KeyNotFoundError, match=r"dataset .it.,.*short-lived"):
            dataset.take_all()
        return
    assert sorted(row["id"] for row in dataset.take_all()) == [*range(80)]
