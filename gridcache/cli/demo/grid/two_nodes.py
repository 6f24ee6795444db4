"""Two Ray nodes on this machine, for the length of a demo. Nothing of yours is used."""

import logging
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcache.cluster.actors.simulated import (
    HEALTH_CHECKS,
    LEAST_OBJECT_STORE_NBYTES,
    SETTINGS,
    no_warnings,
)

__all__ = ["NORTH", "SOUTH", "TwoNodes", "two_nodes"]

NORTH, SOUTH = "north", "south"
"""This process is on the first."""
CAPACITY = "256MiB"
_SETTINGS = SETTINGS | {
    "RAY_enable_worker_prestart": "0",
    "GRIDCACHE_CAPACITY": CAPACITY,
    "GRIDCACHE_NODE": NORTH,
}


@dataclass(frozen=True, slots=True)
class TwoNodes:
    """A running cluster."""

    cluster: Any
    south: Any

    @property
    def address(self) -> str:
        """What `connect` takes."""
        return str(self.cluster.address)

    def kill_south(self) -> None:
        """Let the other node end as in a power loss."""
        self.cluster.remove_node(self.south, allow_graceful=False)


@contextmanager
def two_nodes(stores: Path) -> Iterator[TwoNodes]:
    """Start both, connected; end them whatever happens.

    Parameters
    ----------
    stores
        Directory for the nodes' stores.
    """
    # Ray's socket paths must stay below 108 characters.
    temporary = tempfile.mkdtemp(prefix="gcd", dir=tempfile.gettempdir())
    os.environ.update(_SETTINGS, RAY_TMPDIR=temporary, GRIDCACHE_DIRECTORY=str(stores))
    os.environ.pop("RAY_ADDRESS", None)
    try:
        with _started() as nodes:
            yield nodes
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _started() -> Iterator[TwoNodes]:
    with no_warnings():
        import ray  # noqa: PLC0415 - reads its settings when it is imported
        from ray.cluster_utils import Cluster  # noqa: PLC0415

        head = {"include_dashboard": False, "_system_config": HEALTH_CHECKS}
        cluster = Cluster(initialize_head=True, head_node_args={**head, **_node(NORTH)})
        try:
            south = cluster.add_node(**_node(SOUTH))
            ray.init(
                address=cluster.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
            )
            yield TwoNodes(cluster, south)
        finally:
            with suppress(OSError, subprocess.SubprocessError):
                ray.shutdown()
                end: Any = cluster.shutdown
                end()


def _node(name: str) -> dict[str, Any]:
    return {
        "num_cpus": 2,
        "object_store_memory": LEAST_OBJECT_STORE_NBYTES,
        "labels": {"gridcache-node": name},
    }
