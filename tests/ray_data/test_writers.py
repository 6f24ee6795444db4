"""Writers beside one another, and those that are killed or lose a node."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import ray

from gridcache.cluster.actors.grid import Grid
from gridcache.errors import KeyNotFoundError, NameNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.manifest import read
from tests.cluster.kit.ray_cluster import RayCluster, pair, wait_for_nodes, wait_until
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.drivers import Driver
from tests.ray_data.kit.notes import Gate, once
from tests.ray_data.kit.written import Piece, ids_of, in_pieces, texts_of, write

pytestmark = pytest.mark.ray


def test_of_two_writers_of_a_name_the_last_published_wins_whole(
    ray_data: RayCluster, handle: Handle, tmp_path: Path
) -> None:
    inside, gate = tmp_path / "inside", tmp_path / "gate"
    arguments = ("it", 60, inside, gate, 120)
    with Driver("writing", ray_data, handle, *arguments) as other:
        Gate(inside).wait()
        begun = texts_of(handle)
        assert begun, "it has stored some Ray blocks"
        ours = write(numbers(40), handle)
        assert read(handle.cache, "it").texts == ours.texts
        assert {*ours.texts, *begun} <= set(texts_of(handle))
        assert ids_of(ours, handle) == list(range(40))
        Gate(gate).open()
        other.hear("done")
    theirs = read(handle.cache, "it")
    assert sorted(ids_of(theirs, handle)) == list(range(60))
    assert texts_of(handle) == sorted(theirs.texts)


def test_what_a_killed_driver_has_stored_goes_and_its_name_stands_for_nothing(
    ray_data: RayCluster, handle: Handle, tmp_path: Path
) -> None:
    inside = tmp_path / "inside"
    arguments = ("it", 60, inside, tmp_path / "gate", 3)
    with Driver("writing", ray_data, handle, *arguments) as other:
        Gate(inside).wait()
        assert texts_of(handle), "it has stored some Ray blocks"
        other.kill()
    wait_until(lambda: list(handle.cache) == [], lambda: str(list(handle.cache)))
    with pytest.raises(NameNotFoundError):
        read(handle.cache, "it")


# -- a node that is lost -------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Third:
    """A node that may be killed."""

    cluster: RayCluster
    grid: Grid
    node: Any

    def kill(self) -> None:
        """As by a power loss; returns when the grid has missed it."""
        self.cluster.kill_node(self.node)
        wait_until(lambda: self.grid.view().by_name("gpu2") is None)


@pytest.fixture
def third(ray_data: RayCluster, grid: Grid) -> Third:
    first, second = pair(grid)
    node = ray_data.add_node("gpu2")
    wait_for_nodes(grid, first.name, second.name, "gpu2")
    return Third(ray_data, grid, node)


def lossy_write(handle: Handle, third: Third, place: Path, **options: Any) -> None:
    """Write 90 rows as "it"; the third node is killed in the middle.

    By then one task of its has ended, and one has stored its first Ray block.
    """
    lost, seen, gate = third.node.node_id, place / "seen", place / "gate"

    def stands(piece: Piece) -> None:
        """At the second Ray block of each task, but of one on the third node."""
        there = ray.get_runtime_context().get_node_id() == lost
        task, second = divmod(int(piece["id"][0]), 10)
        free = place / f"free{task}"
        if there and not second and once(place / "one"):
            free.touch()
        if second and not free.exists():
            if there:
                seen.touch()
            Gate(gate).wait()

    def kills() -> None:
        Gate(seen).wait()
        third.kill()
        Gate(gate).open()

    with ThreadPoolExecutor(1) as beside:
        killed = beside.submit(kills)
        write(in_pieces(stands, rows=90, blocks=9), handle, **options)
        killed.result()


@pytest.mark.soak
def test_a_write_that_loses_a_node_goes_on_or_fails_clearly(
    handle: Handle, third: Third, tmp_path: Path
) -> None:
    kept = write(numbers(), handle, "kept", replicas=2)
    before, rows = write(numbers(), handle, replicas=2), 80
    try:
        lossy_write(handle, third, tmp_path)
    except KeyNotFoundError as error:
        assert "stored by node 'gpu2'" in str(error)  # noqa: PT017 - or there is none
    else:
        rows = 90
    manifest = read(handle.cache, "it")
    assert (manifest == before) == (rows == 80)
    assert sorted(ids_of(manifest, handle)) == list(range(rows))
    wait_until(lambda: texts_of(handle) == sorted(manifest.texts))
    assert ids_of(kept, handle) == list(range(80)), "two replicas outlive a node"


@pytest.mark.soak
def test_with_two_replicas_a_write_that_loses_a_node_goes_on(
    handle: Handle, third: Third, tmp_path: Path
) -> None:
    lossy_write(handle, third, tmp_path, replicas=2)
    manifest = read(handle.cache, "it")
    assert sorted(ids_of(manifest, handle)) == list(range(90))
    assert texts_of(handle) == sorted(manifest.texts)
