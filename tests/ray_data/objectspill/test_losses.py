"""Ray's own spilling when processes are killed: IO workers, a raylet, a node."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ray_data.objectspill.kit.nodes import Nodes, running, wait_until

pytestmark = [pytest.mark.ray, pytest.mark.soak]

_OBJECTS = 24
_ROUNDS = 4


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    with running(workers=4) as one:
        yield one


def test_objects_are_right_round_after_round_by_many_workers(nodes: Nodes) -> None:
    for first in range(0, _ROUNDS * _OBJECTS, _OBJECTS):
        nodes.ask("put", first, _OBJECTS)
        nodes.ask("make", "other", 1000 + first, _OBJECTS)
        assert nodes.ask("right", "other") == nodes.ask("right", "head") == 2 * _OBJECTS
        nodes.ask("forget")
        wait_until(lambda: not nodes.links() and not nodes.files())
        wait_until(lambda: nodes.blocks("head") == nodes.blocks("other") == 0)


def test_what_killed_io_workers_spilled_is_still_there(nodes: Nodes) -> None:
    nodes.ask("put", 0, _OBJECTS)
    for _ in range(3):
        # All are idle afterwards: Ray itself hangs if one is killed while it starts.
        assert nodes.ask("right", "head") == nodes.ask("right", "other") == _OBJECTS
        for pid in _io_workers(nodes.ask("raylet", "head")):
            os.kill(pid, signal.SIGKILL)
    assert nodes.links()
    assert nodes.ask("right", "head") == _OBJECTS
    nodes.ask("forget")
    wait_until(lambda: not nodes.files() and nodes.blocks("head") == 0)


def test_a_killed_raylet_leaves_nothing_and_its_objects_are_made_again(
    nodes: Nodes,
) -> None:
    nodes.ask("make", "other", 0, _OBJECTS)
    wait_until(lambda: nodes.blocks("other") > _OBJECTS // 4)
    os.kill(nodes.ask("raylet", "other"), signal.SIGKILL)
    wait_until(lambda: nodes.blocks("other") == 0)
    nodes.ask("remove", "other")
    nodes.ask("add", "other")
    assert nodes.ask("right", "head") == _OBJECTS


def test_a_node_that_is_killed_at_one_blow_leaves_what_the_next_frees(
    nodes: Nodes,
) -> None:
    nodes.ask("make", "other", 0, _OBJECTS)
    wait_until(lambda: nodes.blocks("other") > _OBJECTS // 4)
    nodes.ask("remove", "other")
    nodes.ask("add", "other")
    assert nodes.ask("right", "other") == _OBJECTS
    nodes.ask("forget")
    wait_until(lambda: nodes.blocks("other") == 0)


def _io_workers(raylet: int) -> list[int]:
    """Processes of a raylet that spill or restore."""
    children = Path(f"/proc/{raylet}/task/{raylet}/children").read_text().split()
    return [int(one) for one in children if b"_WORKER" in _command(int(one))]


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
