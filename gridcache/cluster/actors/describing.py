"""Describing: what the membership knows of each node, as records for people.

Without Ray calls: from what was seen last.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.actors.posts import NodeReport
from gridcache.cluster.actors.ray_nodes import RayMachine
from gridcache.cluster.actors.recruiter import Recruiter
from gridcache.cluster.actors.status import NodeInfo
from gridcache.cluster.table.leases import LEASE_S
from gridcache.cluster.table.view import Member, View

__all__ = ["Heard", "Scene", "describe_nodes"]


@dataclass(frozen=True, slots=True)
class Heard:
    """The last report of a member."""

    report: NodeReport
    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """All that there is to describe."""

    view: View
    machines: Sequence[RayMachine]
    heard: Mapping[int, Heard]
    recruiter: Recruiter
    ledger: Ledger
    now_s: float


def describe_nodes(scene: Scene) -> tuple[NodeInfo, ...]:
    """Members, and Ray nodes that are to be or were, by name."""
    found = [*_members(scene), *_others(scene)]
    return tuple(sorted(found, key=lambda one: (one.name, one.ray_node_id)))


def _members(scene: Scene) -> Iterator[NodeInfo]:
    machines = {one.node_id: one for one in scene.machines}
    for member in scene.view.members:
        yield _member(scene, member, machines.get(member.ray_node_id))


def _member(scene: Scene, member: Member, machine: RayMachine | None) -> NodeInfo:
    heard = scene.heard.get(member.number)
    report = heard.report if heard is not None else None
    alive = machine is not None and machine.alive
    state, reason = _state(scene, member, heard, alive=alive)
    return NodeInfo(
        name=member.name,
        host=member.host,
        state=state,
        number=member.number,
        port=member.port,
        ray_node_id=member.ray_node_id,
        alive=alive,
        epoch=report.epoch if report is not None else None,
        cpus=machine.cpus if machine is not None else None,
        memory_nbytes=machine.memory_nbytes if machine is not None else None,
        capacity_nbytes=member.capacity_nbytes,
        free_nbytes=report.free_nbytes if report is not None else None,
        entries=report.entries if report is not None else None,
        blocks=report.blocks if report is not None else None,
        labels=member.labels,
        store=member.store,
        pid=report.pid if report is not None else None,
        reason=reason,
    )


def _state(
    scene: Scene, member: Member, heard: Heard | None, *, alive: bool
) -> tuple[str, str]:
    silent_s = scene.now_s - heard.at_s if heard is not None else None
    if not alive:
        return "lost", "Ray has lost the node; what has copies elsewhere lives on"
    if member.draining:
        return "draining", "gives away what it has"
    if silent_s is not None and silent_s < LEASE_S:
        return "serving", ""
    since = f"for {silent_s:.0f} s" if silent_s is not None else "yet"
    known = scene.recruiter.reason(member.ray_node_id)
    return "starting", known or f"its actor was not heard of {since}; Ray restarts it"


def _others(scene: Scene) -> Iterator[NodeInfo]:
    """Ray nodes that live and are no members."""
    members = {one.ray_node_id for one in scene.view.members}
    drained = scene.ledger.drained()
    for machine in scene.machines:
        node_id = machine.node_id
        wanted = scene.recruiter.wanted(node_id)
        if node_id in members or not machine.alive:
            continue
        if not wanted and node_id not in drained:
            continue
        reason = scene.recruiter.reason(node_id)
        state = "failed" if scene.recruiter.failed(node_id) else "starting"
        yield NodeInfo(
            name=scene.ledger.name_of(node_id) or machine.name,
            host=machine.node.address,
            state="drained" if node_id in drained else state,
            ray_node_id=node_id,
            cpus=machine.cpus,
            memory_nbytes=machine.memory_nbytes,
            labels=machine.node.labels,
            reason=reason,
        )
