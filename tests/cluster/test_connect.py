"""Joining a grid: what it starts, whom it waits for, what it says where it cannot."""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.util import placement_group, remove_placement_group
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from gridcache import GridCache
from gridcache.cluster.actors.connect import aconnect, connect
from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.actors.ray_nodes import pinned
from gridcache.cluster.home.naming import NODE_VARIABLE, find_standing, read_facts
from gridcache.cluster_config import ClusterConfig, NodeConfig
from gridcache.config import load_config
from gridcache.errors import ClosedError, ConfigError, NoAvailableNodesError
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_for_nodes, wait_until

pytestmark = pytest.mark.ray


def test_every_node_gets_an_actor_and_a_store_of_its_own(
    grid: Grid, ray_cluster: RayCluster
) -> None:
    nodes = pair(grid)
    assert [one.state for one in nodes] == ["serving", "serving"]
    assert len({one.store for one in nodes}) == len({one.pid for one in nodes}) == 2
    assert {one.capacity_nbytes for one in nodes} == {64 << 20}
    assert all(Path(one.store).parent == ray_cluster.directory for one in nodes)
    assert f"nodes, here {grid.here!r}, epoch " in repr(grid)


def test_views_of_store_and_membership_agree(grid: Grid) -> None:
    first, second = pair(grid)
    wait_for_nodes(grid, first.name, second.name)
    wait_until(lambda: grid.view().epoch == grid.status().epoch)
    numbers = {one.number for one in grid.view().members}
    assert numbers == {first.number, second.number}


def test_numbers_of_blocks_are_never_given_twice(grid: Grid) -> None:
    first = grid.new_block_numbers(3)
    assert grid.new_block_numbers(1) == first + 3
    assert asyncio.run(grid.anew_block_numbers()) == first + 4


def test_a_second_connect_joins_the_same_grid(grid: Grid) -> None:
    with connect(name=grid.name, create=False) as again:
        assert again.nodes()[0].pid == grid.nodes()[0].pid
    assert grid.nodes(), "leaving one must not take the other's Ray away"


def test_where_no_grid_runs_it_can_be_asked_not_to_start_one(
    ray_cluster: RayCluster, grid_name: str
) -> None:
    with pytest.raises(NoAvailableNodesError, match="grid up"):
        connect(name=grid_name, create=False)


def test_a_grid_that_was_left_says_so(grid: Grid) -> None:
    other = connect(name=grid.name)
    other.close()
    other.close()
    with pytest.raises(ClosedError, match="connect"):
        other.nodes()
    assert "left" in repr(other)


def test_async_twins(grid: Grid) -> None:
    both = {one.number for one in pair(grid)}

    async def session() -> None:
        async with await aconnect(name=grid.name) as again:
            status = await again.astatus()
            for nodes in (await again.anodes(), status.nodes):
                assert both <= {one.number for one in nodes}
            await again.aundrain(str(again.here))
            assert status.epoch > 0

    asyncio.run(session())


@pytest.fixture
def taken_cpus(ray_cluster: RayCluster) -> Iterator[PlacementGroup]:
    """A placement group that has all CPUs of both nodes."""
    group = placement_group([{"CPU": 2}, {"CPU": 2}])
    ray.get(group.ready())
    yield group
    remove_placement_group(group)


def test_the_users_default_store_is_taken_in_though_all_cpus_are_taken(
    ray_cluster: RayCluster, taken_cpus: PlacementGroup
) -> None:
    """A grid comes up beside the placement group, and is joined inside of it."""

    @ray.remote(num_cpus=1)
    def see() -> set[str]:
        with connect(create=False) as inside, inside.cache("shared") as cache:
            cache["from inside"] = 7
            return {one.name for one in inside.nodes()}

    kept = {f"key {i}": i for i in range(20)}
    with GridCache("kept") as plain:
        plain.update(kept)
    with connect() as grid:
        assert grid.store_path == ray_cluster.directory / "default"
        with grid.cache("kept") as cache:
            # At once if this node was the first; else they go to their homes first.
            wait_until(lambda: cache.get_many(kept) == kept)
        assert find_standing(load_config()) == grid.store_path
        both = {one.name for one in pair(grid)}
        inside = PlacementGroupSchedulingStrategy(taken_cpus, 0)
        seen = ray.get(see.options(scheduling_strategy=inside).remote())
        assert seen >= both
        grid.stop(remove_stores=True)
    assert find_standing(load_config()) is None


# -- cluster files -----------------------------------------------------------------


def test_a_file_with_a_node_that_ray_has_not_is_refused(
    ray_cluster: RayCluster, grid_name: str
) -> None:
    file = ClusterConfig(nodes=(NodeConfig(name="nowhere", host="nowhere"),))
    with pytest.raises(ConfigError, match=r"nowhere.*Ray has"):
        connect(name=grid_name, config=file)


def test_a_node_that_cannot_have_its_store_says_why(
    ray_cluster: RayCluster, grid_name: str
) -> None:
    with pytest.raises(NoAvailableNodesError, match=r"more than .* bytes"):
        connect(name=grid_name, capacity="900TiB")
    with connect(name=grid_name, create=False, wait=False) as grid:
        assert "failed" in {one.state for one in grid.nodes()}
        grid.stop()


# -- processes without Ray ---------------------------------------------------------

_FINDS = """
import os, sys
from gridcache.cluster.home.naming import find_standing
from gridcache.config import load_config
print(find_standing(load_config(), sys.argv[1]))
assert "ray" not in sys.modules
"""


def _found_without_ray(grid: Grid, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", _FINDS, grid.name],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_a_process_without_ray_finds_its_nodes_store(grid: Grid) -> None:
    first, second = pair(grid)
    assert _found_without_ray(grid) == first.store
    assert _found_without_ray(grid, **{NODE_VARIABLE: second.name}) == second.store
    assert "is no node here" in _found_without_ray(grid, **{NODE_VARIABLE: "other"})


def test_a_ray_worker_finds_the_store_of_its_own_node(grid: Grid) -> None:
    @ray.remote(num_cpus=0)
    def find(name: str) -> str:
        return str(find_standing(load_config(), name))

    for node in pair(grid):
        strategy = pinned(node.ray_node_id)
        found = ray.get(find.options(scheduling_strategy=strategy).remote(grid.name))
        assert found == node.store


def test_the_file_in_the_store_says_where_the_grid_is(grid: Grid) -> None:
    first, _ = pair(grid)
    facts = read_facts(Path(first.store))
    assert facts is not None
    assert (facts.node, facts.number, facts.port) == (
        first.name,
        first.number,
        first.port,
    )
    assert facts.ray_address == grid.ray_address
    for name in ("grid.json", "grid.key", "grid", "view"):
        assert (Path(first.store) / name).stat().st_mode & 0o777 == 0o600


_READS = """
import sys, gridcache
with gridcache.GridCache("shared", grid=sys.argv[1]) as cache:
    print(sum(cache[f"key {i}"] for i in range(10)))
assert "ray" not in sys.modules
"""
_WRITES = """
import sys, gridcache
with gridcache.connect(name=sys.argv[1], create=False) as grid:
    with grid.cache("shared") as cache:
        cache.update({f"key {i}": i for i in range(10)})
"""


def test_data_outlives_its_driver_and_is_read_without_ray(grid: Grid) -> None:
    for script, printed in ((_WRITES, ""), (_READS, "45")):
        done = subprocess.run(
            [sys.executable, "-c", script, grid.name],
            env=os.environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == printed


def test_a_grid_is_taken_along_into_tasks(grid: Grid) -> None:
    @ray.remote(num_cpus=0)
    def count(taken: Grid) -> tuple[str | None, int]:
        with taken, taken.cache("tasks") as cache:
            cache[f"from {taken.here}"] = 1
            return taken.here, len(taken.view().members)

    _, second = pair(grid)
    there = pinned(second.ray_node_id)
    found = ray.get(count.options(scheduling_strategy=there).remote(grid))
    assert found[0] == second.name
    with grid.cache("tasks") as cache:
        assert cache[f"from {second.name}"] == 1


# -- what is refused ------------------------------------------------------------


def test_another_ray_than_the_one_in_use_is_refused(ray_cluster: RayCluster) -> None:
    with pytest.raises(ConfigError, match="leave address out"):
        connect("127.0.0.1:1")


@pytest.mark.parametrize("name", ["Up", "a/b", "x" * 49])
def test_a_name_that_is_none_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="cannot name a grid"):
        connect(name=name)
