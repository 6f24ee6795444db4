"""Joining Ray from a process that is not connected to one."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gridcache.cluster.actors.connect import TIMEOUT_S, connect
from gridcache.errors import ConfigError, NoAvailableNodesError
from tests.cluster.kit.ray_cluster import RayCluster

pytestmark = pytest.mark.ray


@pytest.fixture
def no_ray(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where no Ray runs, as far as files say."""
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    monkeypatch.setenv("GRIDCACHE_DIRECTORY", str(tmp_path / "stores"))
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    return tmp_path


def test_where_no_ray_runs_it_is_said_at_once(no_ray: Path) -> None:
    began = time.monotonic()
    for address in (None, "auto", "127.0.0.1:1"):
        with pytest.raises(NoAvailableNodesError, match="grid up"):
            connect(address)
    (no_ray / "ray").mkdir()
    (no_ray / "ray" / "ray_current_cluster").write_text("127.0.0.1:1")
    with pytest.raises(NoAvailableNodesError, match=r"127\.0\.0\.1:1"):
        connect()
    assert time.monotonic() - began < TIMEOUT_S, "it waits for nothing"


def test_ray_client_is_refused_with_what_to_do_instead(
    no_ray: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=r"Ray Client.*job"):
        connect("ray://127.0.0.1:10001")
    monkeypatch.setenv("RAY_ADDRESS", "ray://127.0.0.1:10001")
    with pytest.raises(ConfigError, match="Ray Client"):
        connect()


_LOCAL = """
import json, os, ray, gridcache
from gridcache.cluster.actors.connect import TIMEOUT_S, connect
with connect("local", name="own") as grid:
    with grid.cache() as cache:
        cache["a"] = 1
        found = cache["a"]
    facts = [len(grid.nodes()), found, grid.ray_address]
    grid.stop(remove_stores=True)
print(json.dumps([*facts, ray.is_initialized()]))
"""


@pytest.mark.soak
def test_local_starts_a_ray_of_its_own_beside_one_that_runs(
    ray_place: RayCluster,
) -> None:
    """Starts a second Ray; the example of the pool starts one so in `make test`."""
    done = subprocess.run(
        [sys.executable, "-c", _LOCAL],
        env=os.environ | ray_place.settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    nodes, found, address, still_there = json.loads(done.stdout)
    assert (nodes, found, still_there) == (1, 1, False)
    assert address != ray_place.address
