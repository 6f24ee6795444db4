"""Ray nodes: what Ray says of its machines, in our words.

`ray.nodes()` alone: the state API needs a dashboard, which not every cluster runs.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from gridcache.cluster_config.matching import NODE_LABEL, RayNode

__all__ = [
    "NAMESPACE",
    "RayMachine",
    "actor_name",
    "head_id",
    "here_id",
    "pinned",
    "ray_machines",
]

NAMESPACE = "gridcache"
"""Of all our actors, whatever the job's namespace is."""
_HEAD = "node:__internal_head__"


@dataclass(frozen=True, slots=True)
class RayMachine:
    """A node of Ray, alive or not."""

    node: RayNode
    """What a cluster file may call it by."""
    alive: bool
    head: bool
    cpus: float
    memory_nbytes: int
    reason: str
    """Why it is dead."""

    @property
    def node_id(self) -> str:
        """Of this incarnation: a node that comes back has another."""
        return self.node.node_id

    @property
    def name(self) -> str:
        """What it would be called: its label, a name given to Ray, its host's."""
        node = self.node
        given = node.name if node.name not in ("", node.address) else ""
        label = node.labels.get(NODE_LABEL, "")
        return label or given or node.host_name or node.address


def ray_machines() -> list[RayMachine]:
    """All nodes that Ray knows, dead ones too."""
    nodes: list[dict[str, object]] = ray.nodes()  # type: ignore[no-untyped-call]
    return [_machine(facts) for facts in nodes]


def _machine(facts: dict[str, object]) -> RayMachine:
    resources = facts.get("Resources")
    resources = resources if isinstance(resources, dict) else {}
    labels = facts.get("Labels")
    return RayMachine(
        node=RayNode(
            node_id=str(facts["NodeID"]),
            name=str(facts.get("NodeName", "")),
            host_name=str(facts.get("NodeManagerHostname", "")),
            address=str(facts.get("NodeManagerAddress", "")),
            labels=dict(labels) if isinstance(labels, dict) else {},
            # What a file calls localhost is Ray's head, where the membership runs.
            here=_HEAD in resources,
        ),
        alive=bool(facts["Alive"]),
        head=_HEAD in resources,
        cpus=float(resources.get("CPU", 0.0)),
        memory_nbytes=int(resources.get("memory", 0)),
        reason=str(facts.get("DeathReasonMessage", "")),
    )


def head_id(machines: Iterable[RayMachine]) -> str | None:
    """Ray's head node; None if it shows none, as while it starts."""
    return next((one.node_id for one in machines if one.alive and one.head), None)


def here_id() -> str:
    """The Ray node of this process."""
    return str(ray.get_runtime_context().get_node_id())


def pinned(node_id: str) -> NodeAffinitySchedulingStrategy:
    """On this node or nowhere."""
    return NodeAffinitySchedulingStrategy(node_id, soft=False)


def actor_name(grid: str, ray_node_id: str = "") -> str:
    """Name of a grid's membership, or of the actor of one node."""
    return f"gridcache-{grid}-{ray_node_id}" if ray_node_id else f"gridcache-{grid}"
