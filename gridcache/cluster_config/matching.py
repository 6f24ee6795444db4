"""Which Ray node each node of a cluster file is.

Without a file, Ray's own names hold, and none of this is asked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from gridcache.cluster_config.model import ClusterConfig, NodeConfig
from gridcache.errors import ConfigError

__all__ = ["NODE_LABEL", "RayNode", "match_nodes"]

NODE_LABEL = "gridcache-node"
"""The Ray label that names a node of the grid."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RayNode:
    """A living node of Ray, as far as matching needs it."""

    node_id: str
    name: str = ""
    """Ray's name of it, which is its address unless somebody gave another."""
    host_name: str = ""
    address: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    here: bool = False
    """True: of the machine that asks, which a file may call `localhost`."""


def match_nodes(
    config: ClusterConfig, ray_nodes: Iterable[RayNode]
) -> dict[str, RayNode]:
    """Find the Ray node of every node of a cluster file.

    The label `gridcache-node` decides, where no node has it Ray's name, then the
    host. Ray nodes that the file does not list are left out.

    Returns
    -------
    dict
        By the file's names, in its order.

    Raises
    ------
    ConfigError
        A node of the file is none or several of Ray's, or two are the same one;
        lists both sides.

    Examples
    --------
    >>> from gridcache.cluster_config import read_cluster_config
    >>> config = read_cluster_config({"nodes": [{"name": "gpu2"}]})
    >>> ray_node = RayNode(node_id="ab12", labels={"gridcache-node": "gpu2"})
    >>> match_nodes(config, [ray_node])["gpu2"].node_id
    'ab12'
    """
    present = list(ray_nodes)
    found = {node.name: _candidates(node, present) for node in config.nodes}
    problems = [
        f"{name} is {'none' if not nodes else 'several'} of them"
        for name, nodes in found.items()
        if len(nodes) != 1
    ]
    matched = {name: nodes[0] for name, nodes in found.items() if nodes}
    problems += _shared(matched)
    if problems:
        raise _no_match(config, present, problems)
    return matched


def _candidates(node: NodeConfig, present: Sequence[RayNode]) -> list[RayNode]:
    """Ray nodes that the strongest rule which finds any finds."""
    labelled = [one for one in present if one.labels.get(NODE_LABEL) == node.name]
    # A node that is labelled with another name is that other node.
    others = [one for one in present if NODE_LABEL not in one.labels]
    named = [one for one in others if one.name == node.name]
    return labelled or named or [one for one in others if _at_host(node.host, one)]


def _at_host(host: str, node: RayNode) -> bool:
    if host in _LOOPBACK:
        return node.here
    return host in {node.name, node.host_name, node.address}


def _shared(matched: Mapping[str, RayNode]) -> list[str]:
    names: dict[str, list[str]] = {}
    for name, node in matched.items():
        names.setdefault(node.node_id, []).append(name)
    return [
        f"{' and '.join(several)} are the same one"
        for several in names.values()
        if len(several) > 1
    ]


def _no_match(
    config: ClusterConfig, present: Sequence[RayNode], problems: Sequence[str]
) -> ConfigError:
    listed = ", ".join(f"{node.name} (host {node.host})" for node in config.nodes)
    running = ", ".join(map(_described, present)) or "none"
    message = (
        f"the nodes of {config.path or 'the cluster file'} are not those of Ray: "
        f"{'; '.join(problems)}. The file has {listed}. Ray has {running}. Start a "
        f'node with `ray start --labels "{NODE_LABEL}=NAME"`, or correct the file'
    )
    return ConfigError(message, nodes=[node.name for node in config.nodes])


def _described(node: RayNode) -> str:
    facts = [node.labels.get(NODE_LABEL, ""), node.name, node.host_name, node.address]
    return f"{' / '.join(dict.fromkeys(filter(None, facts)))} ({node.node_id[:8]})"
