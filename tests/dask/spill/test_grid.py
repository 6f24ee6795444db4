"""Spilling of a process without Ray in a real grid."""

from typing import TYPE_CHECKING

import pytest

from tests.cluster.kit.ray_cluster import wait_until
from tests.dask.spill.test_others import Spiller

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid

pytestmark = pytest.mark.ray


def test_a_process_without_ray_spills_to_its_node_and_the_other(grid: "Grid") -> None:
    assert grid.store is not None

    def blocks() -> list[int | None]:
        return [node.blocks for node in sorted(grid.nodes(), key=_is_here)]

    def _is_here(node: object) -> bool:
        return getattr(node, "name", "") == grid.here

    with Spiller("spiller", grid.store.directory, 150_000) as spiller:
        spiller.hear("2 5")
        wait_until(lambda: blocks() == [5, 2])
        spiller.kill()
    wait_until(lambda: blocks() == [0, 0])
