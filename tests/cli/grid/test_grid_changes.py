"""What changes a grid: a node drained and back, a key over the nodes, wrong files."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gridcache.cli.failures import ExitCode
from tests.cli.grid.simulated import Simulated
from tests.cluster.kit.ray_cluster import wait_until

pytestmark = pytest.mark.ray


FILL = """
from gridcache import GridCache
with GridCache("drained") as cache:
    cache.update({f"key {number}": number for number in range(64)})
print("filled")
"""
CHECK = """
from gridcache import GridCache
with GridCache("drained") as cache:
    assert {key: cache[key] for key in cache} == {f"key {n}": n for n in range(64)}
    cache.clear()
print("all there")
"""


def states(grid: Simulated) -> dict[str, str]:
    return {row["name"]: row["state"] for row in grid.read("nodes")["nodes"]}


@dataclass(frozen=True, slots=True)
class Drained:
    """What was in the grid when `gpu2` was drained."""

    free: str
    """A block of `gpu2` that may move."""
    placed: str
    """One that was placed on it by name."""
    weight: str
    """On `head`, so that `gpu2` had more room."""


def test_a_store_is_found_by_the_cluster_file(
    running: Simulated, tmp_path: Path
) -> None:
    (tmp_path / "value").write_text("through the file")
    words = ("--config", running.config)
    done = running("put", "k", tmp_path / "value", "--as", "text", *words)
    assert done.returncode == 0, done.stderr
    assert running("get", "k").stdout == "through the file"
    assert running("rm", "k", *words).returncode == 0


@pytest.fixture(scope="module")
def drained(running: Simulated) -> Iterator[Drained]:
    """The grid with `gpu2` drained."""
    assert running.python(FILL).stdout == "filled\n"
    weight = running.allocate("20MiB", "--node", "head")
    free, placed = running.allocate("1MiB"), running.allocate("1MiB", "--node", "gpu2")
    assert running.read("drain", "gpu2")["drain"] == {
        "node": "gpu2",
        "state": "drained",
    }
    yield Drained(free, placed, weight)
    assert running("memory", "deallocate", weight, free, placed).returncode == 0


def test_a_drained_node_keeps_no_key_and_no_block_that_may_move(
    running: Simulated, drained: Drained
) -> None:
    assert states(running) == {"head": "serving", "gpu2": "drained"}
    assert running.python(CHECK).stdout == "all there\n"
    blocks = running.blocks()
    assert blocks[drained.free]["node"] == "head"
    assert drained.free.endswith("_gpu2")
    assert drained.placed not in blocks


def test_a_drained_node_can_come_back_with_what_it_kept(
    running: Simulated, drained: Drained
) -> None:
    assert running("drain", "gpu2", "--undo").returncode == 0
    assert running("up", "--config", running.config).returncode == 0
    both = {"head": "serving", "gpu2": "serving"}
    wait_until(lambda: states(running) == both, lambda: str(states(running)))
    assert running.blocks()[drained.placed]["node"] == "gpu2"


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
