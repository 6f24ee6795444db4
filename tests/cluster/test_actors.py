"""The actors' lives: killed, terminated, drained, and what is left of the store."""

import asyncio
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from gridcache import GridCache
from gridcache.cluster.actors.connect import connect
from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.actors.ray_nodes import NAMESPACE, actor_name
from gridcache.cluster.actors.status import NodeInfo
from gridcache.cluster.home.naming import find_standing
from gridcache.cluster.home.standing import Standing
from gridcache.cluster.table.leases import GRACE_S, LEASE_S
from gridcache.config import load_config
from gridcache.errors import ConfigError, NoAvailableNodesError
from tests.cluster.kit.ray_cluster import (
    RayCluster,
    kill,
    node_of,
    pair,
    pid_of,
    wait_for_nodes,
    wait_until,
)

pytestmark = pytest.mark.ray

VALUES = {f"key {i}": i for i in range(50)}


def test_a_killed_actor_comes_back_to_its_store_as_the_same_member(grid: Grid) -> None:
    before, other = pair(grid)
    with grid.cache("kept") as cache:
        cache.put("a", b"x" * 100_000)
        since = time.monotonic()
        kill(pid_of(grid, before.name))
        assert find_standing(load_config(), grid.name) == Path(before.store)
        assert cache["a"] == b"x" * 100_000, "clients of the node do not need the actor"
        # None while it is no member: the grid does not wait for ever.
        old = (None, before.pid)
        wait_until(lambda: node_of(grid, before.name).pid not in old)
        wait_for_nodes(grid, before.name, other.name)
        after = node_of(grid, before.name)
        assert after.store == before.store
        if is_same(after, before, since):
            assert after.port == before.port
            assert cache["a"] == b"x" * 100_000


def is_same(after: NodeInfo, before: NodeInfo, since: float) -> bool:
    """Whether it is the same member; it must be if it was not away for long."""
    same = after.number == before.number
    assert same or time.monotonic() - since > GRACE_S - LEASE_S
    return same


def test_the_lease_runs_on_after_an_actor_was_killed(grid: Grid) -> None:
    node, other = pair(grid)
    standing, since = Standing(Path(node.store)), time.monotonic()
    kill(pid_of(grid, node.name))
    killed_at = standing.deadline_ns
    wait_until(lambda: standing.deadline_ns > killed_at and standing.has_lease())
    wait_for_nodes(grid, node.name, other.name)
    after = node_of(grid, node.name)
    assert standing.member == after.number
    standing.close()
    is_same(after, node, since)


def test_a_killed_membership_goes_on_from_what_it_saved(grid: Grid) -> None:
    nodes, epoch = pair(grid), grid.epoch
    first = grid.new_block_numbers(5)
    standing = Standing(Path(nodes[0].store))
    key = ask_membership(grid, "key")
    kill(ask_membership(grid, "pid"))
    with grid.cache("kept") as cache:
        cache["meanwhile"] = 1
        assert cache["meanwhile"] == 1
    killed_at = standing.deadline_ns
    wait_until(lambda: standing.deadline_ns > killed_at + LEASE_S * 1e9 / 2)
    standing.close()
    wait_for_nodes(grid, *(one.name for one in nodes))
    assert [one.number for one in pair(grid)] == [one.number for one in nodes]
    assert [one.pid for one in pair(grid)] == [one.pid for one in nodes]
    assert grid.epoch >= epoch
    assert grid.new_block_numbers() == first + 5
    assert ask_membership(grid, "key") == key


def ask_membership(grid: Grid, method: str) -> Any:
    actor: Any = ray.get_actor(actor_name(grid.name), namespace=NAMESPACE)
    return ray.get(getattr(actor, method).remote())


@pytest.fixture(scope="module")
def wide(grid: Grid) -> Iterator[Grid]:
    """Another grid of the same nodes, whose nodes are drained."""
    with connect(name=f"{grid.name}-wide") as joined:
        wait_for_nodes(joined, *(one.name for one in pair(grid)))
        yield joined
        joined.stop(remove_stores=True)


def test_two_grids_live_side_by_side(grid: Grid, wide: Grid) -> None:
    stores = {one.store for one in (*pair(grid), *pair(wide))}
    assert len(stores) == 4
    with grid.cache("same") as one, wide.cache("same") as other:
        one["a"], other["a"] = 1, 2
        assert (one["a"], other["a"]) == (1, 2)


def test_a_drained_node_leaves_and_comes_back_when_it_may(wide: Grid) -> None:
    staying, leaving = pair(wide)
    said: list[str] = []
    with wide.cache("moving") as cache:
        cache.update(VALUES)
        wide.drain(leaving.name, progress=said.append)
        assert cache.get_many(VALUES) == VALUES
    assert any("partitions" in line for line in said)
    wait_for_nodes(wide, staying.name)
    assert set(wide.view().owners) == {staying.number}
    wait_until(lambda: node_of(wide, leaving.name).state == "drained")
    wait_until(lambda: not Path(leaving.store, "grid.json").exists())
    wide.drain(leaving.name)  # it is gone already
    with pytest.raises(NoAvailableNodesError, match="no other node"):
        wide.drain(staying.name)
    with pytest.raises(ConfigError, match="no node 'other'"):
        wide.drain("other")

    wide.undrain(leaving.name)
    wait_for_nodes(wide, staying.name, leaving.name)
    assert node_of(wide, leaving.name).number not in (leaving.number, staying.number)


def test_a_terminated_actor_gives_away_what_it_has_first(wide: Grid) -> None:
    staying, leaving = pair(wide)
    with wide.cache("terminated") as cache:
        cache.update(VALUES)
        kill(pid_of(wide, leaving.name), signal.SIGTERM)
        wait_until(lambda: node_of(wide, leaving.name).state == "drained")
        assert cache.get_many(VALUES) == VALUES
    wait_until(lambda: set(wide.view().owners) == {staying.number})
    assert not wide.view().lost_at.any()
    wide.undrain(leaving.name)


def test_a_grid_that_was_taken_down_says_so_and_leaves_plain_stores(
    ray_cluster: RayCluster, grid_name: str
) -> None:
    one, other = connect(name=grid_name), connect(name=grid_name)
    assert one.here is not None
    wait_for_nodes(one, one.here, f"{one.here}-1")
    stores = [Path(node.store) for node in pair(one)]
    with one.cache("kept") as cache:
        cache.update(VALUES)
    asyncio.run(one.astop())
    with pytest.raises(NoAvailableNodesError, match="is down"):
        other.nodes()
    other.close()
    assert find_standing(load_config(), grid_name) is None
    kept: dict[Any, Any] = {}
    for path in stores:
        with GridCache("kept", path=path) as plain:
            kept |= dict(plain.items())
    assert kept == VALUES

    with connect(name=grid_name) as again:
        assert again.store_path == stores[0]
        with again.cache("kept") as cache:
            cache["key 1"] = "new"
            assert cache["key 1"] == "new", "what was left must not be in the way"
        again.stop(remove_stores=True)
    assert not stores[0].exists()
