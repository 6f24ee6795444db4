"""Drivers: other processes that run Ray Data on the cluster of the test.

Each is a module of `tests.ray_data.programs`, started as `tests.store.kit` starts its
children: it says lines on stdout, and waits for lines on stdin.
"""

from gridcache.published.handle import Handle
from tests.cluster.kit.ray_cluster import RayCluster
from tests.store.kit.processes import Child

__all__ = ["Driver"]


class Driver(Child):
    """A driver of its own; call it with its program, the cluster and a cache."""

    package = "tests.ray_data.programs"

    def __init__(
        self, program: str, cluster: RayCluster, handle: Handle, *args: object
    ) -> None:
        # The environment is the cluster's: its fixture has set it for this process.
        super().__init__(
            program, cluster.address, handle.name, handle.path or "", handle.grid, *args
        )
