"""What a grid tells about nodes that serve, are busy, are lost, or yet to come."""

from dataclasses import replace
from pathlib import Path

import pytest

from gridcache.cluster.actors.describing import Heard, Scene, describe_nodes
from gridcache.cluster.actors.kv import FileState
from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.actors.posts import GridPlan, NodeReport
from gridcache.cluster.actors.ray_nodes import RayMachine
from gridcache.cluster.actors.recruiter import Recruiter
from gridcache.cluster.table.leases import LEASE_S
from gridcache.cluster.table.roster import Roster
from gridcache.cluster_config import RayNode
from tests.cluster.roster_world import info, join

NOW_S = 100.0


def machine(node_id: str, *, alive: bool = True) -> RayMachine:
    node = RayNode(node_id=node_id, name=node_id)
    return RayMachine(node, alive, head=False, cpus=2.0, memory_nbytes=1, reason="")


def heard(name: str, at_s: float) -> Heard:
    report = NodeReport(
        info=info(name),
        epoch=1,
        free_nbytes=5,
        entries=1,
        blocks=2,
        next_block=9,
        pid=77,
    )
    return Heard(report, at_s)


@pytest.fixture
def roster() -> Roster:
    """One member, `a`."""
    roster = Roster("g")
    join(roster, "a")
    return roster


@pytest.fixture
def scene(roster: Roster, tmp_path: Path) -> Scene:
    """Just after it was heard of."""
    ledger = Ledger(FileState("g", tmp_path), GridPlan(name="g"))
    return Scene(
        view=roster.view,
        machines=[machine("ray-a")],
        heard={roster.view.members[0].number: heard("a", NOW_S)},
        recruiter=Recruiter(ledger),
        ledger=ledger,
        now_s=NOW_S,
    )


def test_who_was_heard_of_within_its_lease_serves(scene: Scene) -> None:
    (node,) = describe_nodes(replace(scene, now_s=NOW_S + LEASE_S - 0.1))
    assert (node.state, node.pid, node.blocks, node.reason) == ("serving", 77, 2, "")


def test_who_was_not_heard_of_for_longer_starts(scene: Scene) -> None:
    (silent,) = describe_nodes(replace(scene, now_s=NOW_S + LEASE_S))
    assert silent.state == "starting"
    assert "not heard of for" in silent.reason
    (never,) = describe_nodes(replace(scene, heard={}))
    assert (never.state, never.pid) == ("starting", None)
    assert "not heard of yet" in never.reason


def test_whose_machine_is_gone_is_lost_however_lately_it_was_heard_of(
    scene: Scene,
) -> None:
    for machines in ([machine("ray-a", alive=False)], []):
        (node,) = describe_nodes(replace(scene, machines=machines))
        assert (node.state, node.alive) == ("lost", False)
        assert "Ray has lost the node" in node.reason


def test_who_gives_away_what_it_has_is_draining(scene: Scene, roster: Roster) -> None:
    join(roster, "b")
    roster.drain("a")
    nodes = describe_nodes(replace(scene, view=roster.view))
    assert [one.state for one in nodes if one.name == "a"] == ["draining"]


def test_a_machine_without_a_member_is_listed_if_it_was_sent_away(
    scene: Scene,
) -> None:
    machines = [machine("ray-a"), machine("ray-b"), machine("ray-c", alive=False)]
    for node_id in ("ray-b", "ray-c"):
        scene.ledger.send_away(node_id)
    nodes = describe_nodes(replace(scene, machines=machines))
    assert [(one.name, one.state) for one in nodes] == [
        ("a", "serving"),
        ("ray-b", "drained"),
    ]
