"""Ray blocks are read on the node that has them, and nodes may go."""

from typing import Any

import pytest
import ray
from ray.data import DataContext

from gridcache.cluster.actors.grid import Grid
from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.datasource import GridDatasource
from gridcache.ray_data.reading import load
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_until
from tests.ray_data.kit.placed import ids, placed

pytestmark = pytest.mark.ray

_STEP = 1000


def rows_by_node(dataset: Any) -> dict[int, str]:
    """The Ray node that read each row; of some of the rows."""
    read: dict[int, str] = {}
    for bundle in dataset.iter_internal_ref_bundles():
        for entry in bundle.blocks:
            for one in ray.get(entry.ref)["id"].to_pylist()[::_STEP]:
                read[one] = entry.metadata.exec_stats.node_id
    return read


def test_rows_are_read_on_their_own_node(grid: Grid, handle: Handle) -> None:
    nodes = [one.ray_node_id for one in pair(grid)]
    at = [nodes[number % 3 == 0] for number in range(24)]
    rows = 50_000
    blocks = [ids(number * rows, (number + 1) * rows) for number in range(24)]
    placed(handle, "it", zip(at, blocks, strict=True))
    # More tasks than CPUs: some wait until their node has one.
    read = rows_by_node(load("it", cache=handle))
    own = sum(read[row] == at[row // rows] for row in read)
    assert own >= 0.95 * len(read)
    assert len(read) == 24 * rows / _STEP


@pytest.mark.soak
def test_of_a_node_that_dies_while_it_is_read_the_copies_are_or_it_is_named(
    grid: Grid, handle: Handle, ray_data: RayCluster
) -> None:
    first, _ = pair(grid)
    machine = ray_data.add_node("short-lived")
    wait_until(lambda: grid.view().by_name("short-lived") is not None)
    at = [first.ray_node_id, machine.node_id] * 4
    blocks = [ids(number * 10, number * 10 + 10) for number in range(8)]
    placed(handle, "once", zip(at, blocks, strict=True))
    placed(handle, "twice", zip(at, blocks, strict=True), replicas=2)
    # Executions that have begun, whose tasks run after the loss.
    once, twice = begun("once", handle), begun("twice", handle)
    dataset = load("twice", cache=handle)
    ray_data.kill_node(machine)
    wait_until(lambda: grid.view().by_name("short-lived") is None)
    with pytest.raises(KeyNotFoundError, match=r"Ray block \d of .*once.*short-lived"):
        ids_of(once)
    assert ids_of(twice) == [*range(80)]
    assert sorted(row["id"] for row in dataset.take_all()) == [*range(80)]


def begun(name: str, handle: Handle) -> list[Any]:
    """Tasks of an execution that has begun."""
    source = GridDatasource(name, cache=handle)
    return list(source.get_read_tasks(8, None, DataContext.get_current()))


def ids_of(tasks: list[Any]) -> list[int]:
    """Of the rows that tasks read."""
    return [
        one for task in tasks for block in task() for one in block["id"].to_pylist()
    ]
