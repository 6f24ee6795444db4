"""A cluster file: whether this machine reaches the nodes that it lists."""

import socket
from collections.abc import Iterator

from gridcache.cli.doctor.finding import Finding, fail, ok, warn
from gridcache.cluster_config import ClusterConfig, NodeConfig

__all__ = ["check_cluster_file"]


def check_cluster_file(config: ClusterConfig) -> Iterator[Finding]:
    """Whether the file says something, and a line per node."""
    if not config.giving:
        text = "no node gives memory, so nothing can be stored"
        yield warn("cluster file", text, "memory_gb: 8 in a node, or no `nodes` at all")
    for node in config.nodes:
        yield _host(node)


def _host(node: NodeConfig) -> Finding:
    subject = f"node {node.name}"
    try:
        found = socket.getaddrinfo(node.host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        text = f"its host {node.host} is not known here: {error.strerror}"
        cure = "correct `host`, or add it to /etc/hosts or the DNS"
        return fail(subject, text, cure)
    addresses = dict.fromkeys(str(info[4][0]) for info in found)
    return ok(subject, f"{node.host} is {', '.join(addresses)}")
