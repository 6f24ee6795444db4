"""The file for Ray's own cluster launcher (`ray up`), derived from the nodes.

Ray's launcher knows machines by their addresses and starts all workers with the same
commands. So the command that starts a worker carries the names and labels of all of
them, and picks its own by the machine's host names and addresses.
"""

import shlex
from collections.abc import Iterable
from typing import Any

from gridcache.cluster_config.matching import NODE_LABEL
from gridcache.cluster_config.model import ClusterConfig, NodeConfig
from gridcache.errors import ConfigError

__all__ = ["RAY_PORT", "launcher_config", "launcher_name", "start_labels"]

RAY_PORT = 6379
"""Where Ray's head listens unless somebody says otherwise."""

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_TOKEN = "~/.ray/auth_token"  # noqa: S105 - where Ray looks for it
_BOOTSTRAP = "~/ray_bootstrap_config.yaml"
"""Where the launcher puts its own file on the head."""


def launcher_name(config: ClusterConfig) -> str:
    """Name of the cluster, as `ray down` knows it again."""
    return f"gridcache-{config.gridcache.grid}"


def launcher_config(
    config: ClusterConfig, *, user: str, token: str | None = None
) -> dict[str, Any]:
    """Derive the launcher's file.

    Parameters
    ----------
    user
        Logs in where the file names nobody.
    token
        File with Ray's token, which goes to every machine, and without which nobody
        gets in. None: Ray asks for none.

    Raises
    ------
    ConfigError
        There are no nodes, or one of several has a host that only it can reach.
    """
    head = config.head
    if head is None:
        message = "the cluster file lists no nodes; add them under `nodes`"
        raise ConfigError(message, origin=str(config.path))
    workers = [node for node in config.nodes if node is not head]
    _refuse_loopback(config.nodes)
    mode = f"chmod 600 {_TOKEN}; export RAY_AUTH_MODE=token; " if token else ""
    return {
        "cluster_name": launcher_name(config),
        "provider": {
            "type": "local",
            "head_ip": head.host,
            "worker_ips": [node.host for node in workers],
        },
        "auth": _auth(config, user),
        "file_mounts": {_TOKEN: token} if token else {},
        "setup_commands": list(config.gridcache.launcher.setup_commands),
        "head_start_ray_commands": ["ray stop", mode + _start_head(head)],
        "worker_start_ray_commands": ["ray stop", mode + _start_worker(workers)],
    }


def start_labels(node: NodeConfig) -> str:
    """Labels of a node as `ray start --labels` takes them.

    Examples
    --------
    >>> start_labels(NodeConfig(name="gpu2", host="10.0.0.2", labels={"rack": "r1"}))
    'gridcache-node=gpu2,rack=r1'
    """
    labels = {NODE_LABEL: node.name, **node.labels}
    return ",".join(f"{key}={value}" for key, value in labels.items())


def _auth(config: ClusterConfig, user: str) -> dict[str, str]:
    launcher = config.gridcache.launcher
    auth = {"ssh_user": launcher.ssh_user or user}
    if launcher.ssh_private_key:
        auth["ssh_private_key"] = launcher.ssh_private_key
    return auth


def _refuse_loopback(nodes: tuple[NodeConfig, ...]) -> None:
    for node in nodes:
        if len(nodes) > 1 and node.host in _LOOPBACK:
            message = (
                f"host {node.host} of node {node.name} is another machine on each "
                "node; give the host name or address that the others reach it by"
            )
            raise ConfigError(message, node=node.name, host=node.host)


def _start_head(head: NodeConfig) -> str:
    return (
        f"ray start --head --port={RAY_PORT} --autoscaling-config={_BOOTSTRAP} "
        f"--labels={shlex.quote(start_labels(head))}"
    )


def _start_worker(workers: Iterable[NodeConfig]) -> str:
    cases = " ".join(map(_case, workers))
    choose = f'case " $(hostname) $(hostname -f) $(hostname -I) " in {cases} esac'
    start = f'ray start --address="$RAY_HEAD_IP:{RAY_PORT}" "$@"'
    return f"set --; {choose}; {start}" if cases else start.replace(' "$@"', "")


def _case(node: NodeConfig) -> str:
    names = "|".join(f'*" {name} "*' for name in dict.fromkeys((node.host, node.name)))
    return f"{names}) set -- --labels={shlex.quote(start_labels(node))};;"
