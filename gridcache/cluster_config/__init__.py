"""The YAML file that describes a cluster: its nodes, and how gridcache uses them.

===========  =================================================================
`model`      what the file says, as frozen records
`reading`    from the file to them; what is wrong or unknown is named
`fields`     one mapping of a file, checked key by key
`values`     readers of single values
`matching`   which Ray node each node of the file is
`launcher`   the file for Ray's cluster launcher, derived from the nodes
===========  =================================================================

Without Ray: who talks to it passes its nodes in as records. The settings of a single
machine are in `gridcache.config`.
"""

from gridcache.cluster_config.launcher import launcher_config
from gridcache.cluster_config.matching import RayNode, match_nodes
from gridcache.cluster_config.model import (
    ClusterConfig,
    GridSettings,
    Launcher,
    NodeConfig,
    ResourceSharing,
)
from gridcache.cluster_config.reading import load_cluster_config, read_cluster_config

__all__ = [
    "ClusterConfig",
    "GridSettings",
    "Launcher",
    "NodeConfig",
    "RayNode",
    "ResourceSharing",
    "launcher_config",
    "load_cluster_config",
    "match_nodes",
    "read_cluster_config",
]
