"""Nodes that come, go, and come back, with nobody restarting anything."""

import time
from pathlib import Path

import pytest

from gridcache.cluster.actors.grid import Grid
from gridcache.cluster.home.naming import read_facts
from gridcache.cluster.home.standing import Standing, boot_ns
from tests.cluster.kit.ray_cluster import (
    RayCluster,
    node_of,
    pair,
    wait_for_nodes,
    wait_until,
)

pytestmark = pytest.mark.ray


def end_of_lease(store: str) -> float:
    """Time of day at which the last lease of a store's node was over."""
    standing = Standing(Path(store))
    left_s = (standing.deadline_ns - boot_ns()) / 1e9
    standing.close()
    return time.time() + left_s


def test_a_node_is_joined_lost_and_joined_again(
    grid: Grid, ray_cluster: RayCluster
) -> None:
    first, second = pair(grid)
    before = grid.epoch
    machine = ray_cluster.add_node("gpu2", labels={"rack": "r1"})
    wait_for_nodes(grid, first.name, second.name, "gpu2")
    joined = node_of(grid, "gpu2")
    assert joined.labels["rack"] == "r1"
    assert Path(joined.store).name == f"{grid.name}@gpu2"
    wait_until(lambda: grid.view().by_name("gpu2") is not None)
    assert grid.epoch > before
    wait_until(lambda: grid.epoch == grid.status().epoch)
    owned = int((grid.view().owners == joined.number).sum())
    assert owned == pytest.approx(4096 / 3, abs=2)

    before, killed_at = grid.epoch, time.time()
    ray_cluster.kill_node(machine)
    # `lost` until its lease is over, which it may be before Ray has missed the node.
    wait_until(lambda: grid.view().by_name("gpu2") is None)
    assert grid.epoch > before
    assert joined.number not in set(grid.view().owners)
    lost_at = grid.view().lost_at
    assert int((lost_at > killed_at).sum()) == owned
    assert lost_at.max() >= end_of_lease(joined.store), "nobody else before that"
    wait_for_nodes(grid, first.name, second.name)

    ray_cluster.add_node("gpu2")
    wait_for_nodes(grid, first.name, second.name, "gpu2")
    back = node_of(grid, "gpu2")
    assert back.store == joined.store, "it adopts the store it had"
    assert back.number not in (joined.number, first.number, second.number)
    facts = read_facts(Path(back.store))
    assert facts is not None
    assert (facts.number, facts.node) == (back.number, "gpu2")
