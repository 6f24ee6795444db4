"""From a cluster file to `ClusterConfig`.

Real files carry other tools' keys: one warning names all that nobody here reads.
Inside the section `gridcache` an unknown key is an error, for nobody else reads it.
"""

import warnings
from collections import Counter
from collections.abc import Mapping
from os import PathLike
from pathlib import Path

from gridcache.cluster_config.fields import Fields, Reader
from gridcache.cluster_config.model import (
    MODES,
    ROLES,
    ClusterConfig,
    GridSettings,
    Launcher,
    NodeConfig,
    ResourceSharing,
)
from gridcache.cluster_config.values import (
    COMMANDS,
    DIRECTORY,
    DISK,
    FLAG,
    GRID_NAME,
    HOST,
    LABELS,
    MEMORY,
    NAME,
    integer,
    one_of,
    optional_text,
    text,
)
from gridcache.config import load_yaml
from gridcache.errors import CacheWarning

__all__ = ["load_cluster_config", "read_cluster_config"]

MAX_PORT = 65_535
MAX_REPLICAS = 2
_NODES = "nodes"
_OURS = "gridcache"


def load_cluster_config(path: str | PathLike[str]) -> ClusterConfig:
    """Read a cluster file.

    Parameters
    ----------
    path
        A YAML file; `config/cluster.yaml` in the repository has every key.

    Raises
    ------
    ConfigError
        The file cannot be read, a value is wrong, two nodes have one name, or a
        key in the section `gridcache` is unknown.

    Warns
    -----
    CacheWarning
        Once, about the keys outside of that section that nobody here reads.
    """
    place = Path(path).expanduser()
    return _read(load_yaml(place), place)


def read_cluster_config(
    content: Mapping[str, object], *, path: Path | None = None
) -> ClusterConfig:
    """Check what a cluster file holds; raises and warns as `load_cluster_config`.

    Examples
    --------
    >>> config = read_cluster_config({"nodes": [{"name": "gpu2", "memory_gb": 32}]})
    >>> config.node("gpu2").memory_nbytes
    34359738368
    """
    return _read(content, path)


def _read(content: Mapping[str, object], path: Path | None) -> ClusterConfig:
    fields = Fields(str(path) if path else "argument")
    sections = fields.read(content, _sections(fields), "")
    sharing = sections.pop("execution", {})
    if fields.foreign:
        unread = ", ".join(sorted(fields.foreign))
        message = f"{fields.origin} has keys that gridcache does not read: {unread}"
        warnings.warn(message, CacheWarning, stacklevel=3)
    return ClusterConfig(**sections, **sharing, path=path)


def _sections(fields: Fields) -> dict[str, Reader]:
    """Readers of the top level: each reads a whole section."""

    def nodes(content: object) -> object:
        return _nodes(fields, content)

    def execution(content: object) -> object:
        readers: dict[str, Reader] = {"resource_sharing": (sharing, "a mapping")}
        return fields.read(content, readers, "execution")

    def sharing(content: object) -> object:
        where = "execution.resource_sharing"
        return ResourceSharing(**fields.read(content, _SHARING, where))

    def gridcache(content: object) -> object:
        readers = {**_GRID, "launcher": (launcher, "a mapping")}
        given = fields.read(content, readers, _OURS, strict=True)
        disk_nbytes = given.pop("disk", None)
        return GridSettings(**given, disk_nbytes=disk_nbytes)

    def launcher(content: object) -> object:
        where = f"{_OURS}.launcher"
        return Launcher(**fields.read(content, _LAUNCHER, where, strict=True))

    return {
        "nodes": (nodes, "a list of nodes"),
        "execution": (execution, "a mapping"),
        _OURS: (gridcache, "a mapping"),
    }


def _nodes(fields: Fields, content: object) -> tuple[NodeConfig, ...]:
    if not isinstance(content, list):
        raise fields.wrong(_NODES, content, "a list of nodes, each with a name")
    nodes = tuple(_node(fields, one, f"nodes[{i}]") for i, one in enumerate(content))
    _refuse_twice(fields, [node.name for node in nodes])
    if sum(node.is_head for node in nodes) > 1:
        heads = [node.name for node in nodes if node.is_head]
        raise fields.wrong(_NODES, heads, "one head")
    return nodes


def _node(fields: Fields, content: object, where: str) -> NodeConfig:
    given = fields.read(content, _NODE, where)
    if "name" not in given:
        raise fields.wrong(where, content, "a mapping with a name")
    memory_nbytes = given.pop("memory_gb", None)
    return NodeConfig(**{"host": given["name"], **given}, memory_nbytes=memory_nbytes)


def _refuse_twice(fields: Fields, names: list[str]) -> None:
    name, count = Counter(names).most_common(1)[0] if names else ("", 0)
    if count > 1:
        raise fields.wrong(f"{_NODES}: name", name, "the name of one node")  # noqa: EM102


_NODE: Mapping[str, Reader] = {
    "name": NAME,
    "host": HOST,
    "role": one_of(*ROLES),
    "memory_gb": MEMORY,
    "labels": LABELS,
}

_SHARING: Mapping[str, Reader] = {"enabled": FLAG, "mode": one_of(*MODES)}

_GRID: Mapping[str, Reader] = {
    "grid": GRID_NAME,
    "ray_address": text("auto, local or HOST:PORT"),
    "port": integer(0, MAX_PORT),
    "replicas": integer(1, MAX_REPLICAS),
    "directory": DIRECTORY,
    "disk": DISK,
    "disk_directory": DIRECTORY,
}

_LAUNCHER: Mapping[str, Reader] = {
    "ssh_user": optional_text("a user's name"),
    "ssh_private_key": optional_text("the path of a key file"),
    "setup_commands": COMMANDS,
}
