"""What changes a grid: a node drained and back, a key over the nodes, wrong files."""

import json
from pathlib import Path

import pytest

from gridcache.cli.failures import ExitCode
from tests.cli.grid.simulated import Simulated

pytestmark = pytest.mark.ray


def states(grid: Simulated) -> dict[str, str]:
    done = grid("nodes", "--json")
    assert done.returncode == 0, done.stderr
    return {row["name"]: row["state"] for row in json.loads(done.stdout)["nodes"]}


def test_a_drained_node_keeps_nothing_to_itself_and_can_come_back(
    running: Simulated, tmp_path: Path
) -> None:
    keys = [f"key {number}" for number in range(8)]  # at least one is gpu2's
    for key in keys:
        (tmp_path / "value").write_text(key)
        done = running("put", key, tmp_path / "value", "--as", "text")
        assert done.returncode == 0, done.stderr
    done = running("drain", "gpu2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["drain"] == {"node": "gpu2", "state": "drained"}
    assert states(running) == {"head": "serving", "gpu2": "drained"}
    for key in keys:
        assert running("get", key).stdout == key
    assert running("drain", "gpu2", "--undo").returncode == 0
    assert running("up").returncode == 0
    assert states(running) == {"head": "serving", "gpu2": "serving"}
    assert running("rm", *keys).returncode == 0


def test_a_store_is_found_by_the_cluster_file(
    running: Simulated, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text("through the file")
    words = ("--config", running.config)
    done = running("put", "k", tmp_path / "value", "--as", "text", *words)
    assert done.returncode == 0, done.stderr
    assert running("get", "k").stdout == "through the file"
    assert running("rm", "k", *words).returncode == 0


def test_a_file_that_is_not_this_cluster_s_lists_both_sides(
    running: Simulated, tmp_path: Path
) -> None:
    path = tmp_path / "other.yaml"
    path.write_text("nodes: [{name: head, memory_gb: 1}, {name: gpu7, memory_gb: 1}]")
    done = running("up", "--config", path)
    assert done.returncode == ExitCode.USAGE
    assert "gpu7 is none of them" in done.stderr
    assert "Ray has" in done.stderr
    assert "gpu2" in done.stderr
