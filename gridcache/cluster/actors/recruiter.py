"""Recruiter: sees to it that every Ray node that is to give memory has its actor.

Nodes come and go at any time; nobody has to be told. Which Ray nodes give memory,
and how much, is in the cluster file; without one all do.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from gridcache.cluster.actors.ledger import Ledger
from gridcache.cluster.actors.posts import Post
from gridcache.cluster.actors.ray_nodes import RayMachine
from gridcache.cluster.actors.recruit import Recruit
from gridcache.cluster_config import ClusterConfig, match_nodes
from gridcache.errors import ConfigError

__all__ = ["Recruiter"]


class Recruiter:
    """One `Recruit` per Ray node that lives and is to give memory."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._recruits: dict[str, Recruit] = {}

    def look(self, machines: Sequence[RayMachine], now_s: float) -> None:
        """Begin with nodes that are new, drop dead ones, go on with the others."""
        alive = {one.node_id: one for one in machines if one.alive}
        for gone in set(self._recruits) - set(alive):
            self._recruits.pop(gone).dismiss()
        known = set(self._recruits) | self._ledger.drained()
        # Ray's head first: it takes the plain name of a machine with several nodes.
        for machine in sorted(alive.values(), key=lambda one: not one.head):
            if machine.node_id not in known:
                self._begin(machine, list(alive.values()))
        for node_id, recruit in list(self._recruits.items()):
            if recruit.step(now_s):
                del self._recruits[node_id]

    def _begin(self, machine: RayMachine, alive: Sequence[RayMachine]) -> None:
        post = self._post(machine, alive)
        if post is not None:
            self._recruits[machine.node_id] = Recruit(post, machine)

    def wake(self) -> None:
        """Tell all nodes that there is a new view; waits for none."""
        for recruit in list(self._recruits.values()):
            recruit.wake()

    def reason(self, node_id: str) -> str:
        """Why a node has no actor that serves; empty: no reason is known."""
        recruit = self._recruits.get(node_id)
        return recruit.reason if recruit is not None else ""

    def failed(self, node_id: str) -> bool:
        """Whether a node could not serve when it was last tried."""
        recruit = self._recruits.get(node_id)
        return recruit is not None and recruit.failed

    def wanted(self, node_id: str) -> bool:
        """Whether the node is to have an actor."""
        return node_id in self._recruits

    def evacuated(self, node_id: str, now_s: float) -> bool:
        """Whether a node that is to leave has given its blocks away, or cannot."""
        recruit = self._recruits.get(node_id)
        return recruit is None or recruit.evacuated(now_s)

    def retire(self, node_id: str) -> None:
        """Have the actor of a drained node leave, and end it when it has."""
        recruit = self._recruits.get(node_id)
        if recruit is not None:
            recruit.retire()

    def dismiss(self, node_id: str) -> None:
        """End the actor of a node for good."""
        recruit = self._recruits.pop(node_id, None)
        if recruit is not None:
            recruit.dismiss()

    def stop(self, *, remove: bool) -> list[Any]:
        """Have all actors leave; returns what to wait for."""
        asked = [one.stop(remove=remove) for one in self._recruits.values()]
        return [one for one in asked if one is not None]

    def _post(self, machine: RayMachine, alive: Sequence[RayMachine]) -> Post | None:
        """What the actor of a node is told; None if the node is to have none."""
        ledger, plan = self._ledger, self._ledger.plan
        config, capacity = plan.config, plan.capacity_nbytes
        wanted = machine.name
        if config.nodes:
            entry = _entry(config, machine, alive)
            if entry is None:
                return None
            wanted, capacity = entry
        living = [one.node_id for one in alive]
        name = ledger.name(machine.node_id, wanted, living)
        host, settings = machine.node.address, config.gridcache
        return Post(
            grid=plan.name,
            node=name,
            incarnation=ledger.incarnation,
            key=ledger.key,
            ray_node_id=machine.node_id,
            first=ledger.first_of(host, machine.node_id, living),
            host=host,
            capacity_nbytes=capacity,
            directory=settings.directory,
            port=settings.port,
            replicas=settings.replicas,
            disk_nbytes=settings.disk_nbytes,
            disk_directory=settings.disk_directory,
            labels=dict(machine.node.labels),
            balances=config.resource_sharing.mode == "dynamic_balancing",
        )


def _entry(
    config: ClusterConfig, machine: RayMachine, alive: Sequence[RayMachine]
) -> tuple[str, int] | None:
    """Name and memory of a Ray node in the cluster file, if that has it.

    Others of the file's nodes may be down, which `match_nodes` is not asked about.
    """
    present = [one.node for one in alive]
    for node in config.giving:
        with suppress(ConfigError):
            found = match_nodes(replace(config, nodes=(node,)), present)[node.name]
            if found.node_id == machine.node_id and node.memory_nbytes is not None:
                return node.name, node.memory_nbytes
    return None
