"""Joining: from what a pool was configured with to the nodes of a grid."""

import time
from collections.abc import Collection
from pathlib import Path
from typing import Any, cast

from gridcache.cluster.blocks.nodes import GridAccess, GridBlocks
from gridcache.cluster.blocks.protocol import BlockNodes
from gridcache.cluster_config import ClusterConfig, load_cluster_config

__all__ = ["giving_names", "join"]


_STARTING_S = 20.0
"""A node that needs longer, or hangs, must not keep the pool from the others."""
_LOOK_S = 0.1


class _JoinedBlocks(GridBlocks):
    """The nodes of a grid that is left with the pool."""

    def __init__(self, grid: Any) -> None:
        super().__init__(grid)
        self._grid = grid

    def close(self) -> None:
        super().close()
        self._grid.close()


def join(config: object) -> BlockNodes:
    """The nodes that a configuration means.

    Parameters
    ----------
    config
        A cluster file's path or content, a grid that was joined, or nodes; None
        for the grid of this machine or of the running Ray.
    """
    if hasattr(config, "new_numbers"):
        return cast("BlockNodes", config)
    if hasattr(config, "new_block_numbers"):
        return GridBlocks(cast("GridAccess", config))
    from gridcache.cluster.actors.connect import connect  # noqa: PLC0415 - loads ray

    return _JoinedBlocks(_settled(connect(config=read(config))))


def _settled(grid: Any) -> Any:
    """A grid whose nodes that are just starting have had time to."""
    until = time.monotonic() + _STARTING_S
    while time.monotonic() < until:
        if not any(node.state == "starting" for node in grid.nodes()):
            break
        time.sleep(_LOOK_S)
    return grid


def read(config: object) -> ClusterConfig | None:
    """The cluster file's content, read if it is a path."""
    if isinstance(config, str | Path):
        return load_cluster_config(config)
    return cast("ClusterConfig | None", config)


def giving_names(config: object) -> Collection[str] | None:
    """Names of the nodes that a cluster file lets give memory; None for all."""
    if not isinstance(config, ClusterConfig | str | Path):
        return None
    known = read(config)
    if known is None or not known.nodes:
        return None
    return {node.name for node in known.giving}
