"""What a cluster file says, read and checked; sizes in bytes.

Every record has the defaults that hold where the file says nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gridcache.errors import ConfigError

__all__ = [
    "HEAD_ROLES",
    "MODES",
    "ROLES",
    "ClusterConfig",
    "GridSettings",
    "Launcher",
    "NodeConfig",
    "ResourceSharing",
]

HEAD_ROLES = ("head", "master")
"""Two words for the node that Ray's head process runs on."""

ROLES = (*HEAD_ROLES, "worker")

MODES = ("static", "dynamic_balancing")
"""Blocks stay where they were made, or may be moved away from full nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    """One node of `nodes`."""

    name: str
    """As commands and ids of blocks call it."""
    host: str
    """Host name or address; the name where the file gives none."""
    role: str = "worker"
    """One of `ROLES`. Says where Ray's head runs, and nothing about memory."""
    memory_nbytes: int | None = None
    """What the node gives to the grid; None: nothing."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Ray labels of the node, besides its name."""

    @property
    def is_head(self) -> bool:
        """True if Ray's head runs on it."""
        return self.role in HEAD_ROLES


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceSharing:
    """The section `execution.resource_sharing`."""

    enabled: bool = False
    """True: the orchestrator starts a memory pool."""
    mode: str = "static"
    """One of `MODES`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """The section `gridcache.launcher`: what Ray needs to start other machines."""

    ssh_user: str | None = None
    """None: the user who runs `grid up`."""
    ssh_private_key: str | None = None
    """A file; None: what ssh finds by itself."""
    setup_commands: tuple[str, ...] = ()
    """Run on every machine before Ray starts, such as an installation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GridSettings:
    """The section `gridcache`."""

    grid: str = "default"
    """Name of the grid; several can live in one Ray cluster."""
    ray_address: str = "auto"
    """Ray to join: `auto` (the one that runs here), `local` or `HOST:PORT`."""
    port: int = 0
    """Where each node listens for the others; 0 for any free port."""
    replicas: int = 1
    """Copies of a mutable entry unless a put says otherwise."""
    directory: Path | None = None
    """Holds the stores of each node; None for the default of that machine."""
    disk_nbytes: int | None = None
    """Of each node's disk, below its memory; None: no disk is used."""
    disk_directory: Path | None = None
    """Holds the disk stores of each node; None for the user's caches there."""
    launcher: Launcher = field(default_factory=Launcher)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterConfig:
    """A cluster file."""

    nodes: tuple[NodeConfig, ...] = ()
    """In the order of the file; empty: every node that Ray has."""
    resource_sharing: ResourceSharing = field(default_factory=ResourceSharing)
    gridcache: GridSettings = field(default_factory=GridSettings)
    path: Path | None = field(default=None, compare=False)
    """Where it was read."""

    @property
    def head(self) -> NodeConfig | None:
        """The node with the head's role, else the first; None without nodes."""
        heads = [node for node in self.nodes if node.is_head]
        return next(iter([*heads, *self.nodes]), None)

    @property
    def giving(self) -> tuple[NodeConfig, ...]:
        """The nodes that give memory, whatever their role."""
        return tuple(node for node in self.nodes if node.memory_nbytes)

    def node(self, name: str) -> NodeConfig:
        """Find a node.

        Raises
        ------
        ConfigError
            There is none of that name; lists those there are.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        names = ", ".join(node.name for node in self.nodes) or "none"
        message = f"no node {name!r} in {self.path or 'the cluster file'}: has {names}"
        raise ConfigError(message, node=name)
