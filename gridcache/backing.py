"""Backing: what serves a cache, a single store or a grid."""

import time
from importlib import import_module

from gridcache.attach import Attachment
from gridcache.errors import NoAvailableNodesError
from gridcache.values import Values

__all__ = ["values_of"]

_JOIN_S = 15.0


def values_of(attached: Attachment) -> Values:
    """Values of an attached namespace.

    Raises
    ------
    NoAvailableNodesError
        The store is a node's of a grid that this node cannot join now.
    """
    kind: type[Values] = _grid_values(attached) if attached.grid else Values
    return kind(
        attached.store,
        attached.space,
        allow_pickle=attached.config.allow_pickle,
        near_nbytes=attached.config.near_bytes,
    )


def _grid_values(attached: Attachment) -> type[Values]:
    # By name: a single store never loads what belongs to a grid.
    standing = import_module("gridcache.cluster.home.standing")
    until = time.monotonic() + _JOIN_S
    while not standing.is_installed(attached.store.directory):
        if time.monotonic() > until:
            message = (
                f"this node has not joined the grid {attached.grid!r} in "
                f"{_JOIN_S:.0f} s; see `grid nodes`, or use grid=None"
            )
            raise NoAvailableNodesError(message, grid=attached.grid)
        time.sleep(0.05)
    found: type[Values] = import_module(
        "gridcache.cluster.client.grid_values"
    ).GridValues
    return found
