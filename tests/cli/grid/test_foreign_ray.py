"""A Ray that somebody else has started: it is joined, and left as it is."""

from pathlib import Path

import pytest

from gridcache.cli.failures import ExitCode
from tests.cli.grid.simulated import ROOT, Simulated
from tests.cluster.kit.ray_cluster import RayCluster

pytestmark = pytest.mark.ray


@pytest.fixture
def guest(ray_session: RayCluster, tmp_path: Path) -> Simulated:
    """A user of that Ray with a grid of their own in it."""
    config = tmp_path / "guest.yaml"
    config.write_text("gridcache: {grid: guest}")
    settings = {"PYTHONPATH": str(ROOT), "RAY_ADDRESS": ray_session.address}
    return Simulated(ray_session.settings | settings, config)


def test_up_joins_it_and_down_ends_the_grid_alone(guest: Simulated) -> None:
    up = guest.read("up", "--config", guest.config)
    assert up["grid"]["grid"] == "guest"
    assert [node["state"] for node in up["nodes"]] == ["serving", "serving"]
    down = guest.read("down", "--config", guest.config)["down"]
    assert down["nodes"] == 2
    assert "left as it is" in down["ray"]
    gone = guest("nodes", "--config", guest.config)
    assert gone.returncode == ExitCode.NO_STORE
    assert "no grid 'guest' runs" in gone.stderr


def test_down_where_nothing_is_up_is_no_failure(guest: Simulated) -> None:
    assert guest.read("down", "--config", guest.config)["down"]["nodes"] == 0
