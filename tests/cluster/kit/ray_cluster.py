"""A real Ray cluster whose nodes are processes of this machine, and waiting for it."""

import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gridcache.cluster.actors.simulated import (
    HEALTH_CHECKS,
    LEAST_OBJECT_STORE_NBYTES,
    SETTINGS,
    no_warnings,
)

if TYPE_CHECKING:
    from gridcache.cluster.actors.grid import Grid
    from gridcache.cluster.actors.status import NodeInfo

_SHARED_MEMORY = Path("/dev/shm")
_CPUS = 2
_SETTINGS = SETTINGS | {
    "RAY_enable_worker_prestart": "0",
    "GRIDCACHE_CAPACITY": "64MiB",
}


@dataclass
class RayCluster:
    """Simulated nodes on this machine."""

    cluster: Any
    directory: Path
    """Where the nodes' stores lie."""
    settings: dict[str, str]
    """Environment of a process that is to find it."""
    added: list[Any] = field(default_factory=list)

    @property
    def address(self) -> str:
        """What `ray.init` takes."""
        return str(self.cluster.address)

    def add_node(self, name: str | None = None, **options: Any) -> Any:
        """Start one more node; the fixture removes it after the test."""
        labels = {"gridcache-node": name} if name else {}
        node = self.cluster.add_node(
            num_cpus=_CPUS,
            object_store_memory=LEAST_OBJECT_STORE_NBYTES,
            labels=labels | options.pop("labels", {}),
            **options,
        )
        self.added.append(node)
        return node

    def kill_node(self, node: Any) -> None:
        """Let a node end as in a power loss."""
        self.cluster.remove_node(node, allow_graceful=False)
        if node in self.added:
            self.added.remove(node)

    def remove_added(self) -> None:
        """End what `add_node` started, and wait until Ray has missed it.

        Else the next test would find nodes in Ray that it did not start.
        """
        gone = {node.node_id for node in self.added}
        for node in list(self.added):
            self.kill_node(node)
        wait_until(lambda: not gone & _alive_ids(), lambda: f"{gone} still alive")

    @contextmanager
    def joined(self) -> Iterator[None]:
        """Connect this process to Ray."""
        import ray  # noqa: PLC0415 - only where it is used

        with no_warnings():
            ray.init(
                address=self.address,
                log_to_driver=False,
                logging_level=logging.ERROR,
                ignore_reinit_error=True,
            )
        try:
            yield
        finally:
            quietly(ray.shutdown)


@contextmanager
def running_cluster() -> Iterator[RayCluster]:
    """A head and one more node; nothing of them is left afterwards."""
    # Ray's socket paths must stay below 108 characters.
    temporary = tempfile.mkdtemp(prefix="gcr", dir="/tmp")
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    stores = Path(tempfile.mkdtemp(prefix="gridcache-grid-", dir=parent))
    settings = _SETTINGS | {
        "RAY_TMPDIR": temporary,
        "GRIDCACHE_DIRECTORY": str(stores),
    }
    cluster = None
    try:
        with _environment(settings):
            cluster = _start()
        yield RayCluster(cluster, stores, settings)
    finally:
        if cluster is not None:
            quietly(cluster.shutdown)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(settings)
    os.environ.pop("RAY_ADDRESS", None)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _start() -> Any:
    with no_warnings():
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - only where it is used

        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": _CPUS,
                "object_store_memory": LEAST_OBJECT_STORE_NBYTES,
                "include_dashboard": False,
                "_system_config": HEALTH_CHECKS,
            },
        )
        cluster.add_node(num_cpus=_CPUS, object_store_memory=LEAST_OBJECT_STORE_NBYTES)
    return cluster


def quietly(end: Callable[[], object]) -> None:
    """Call what ends something of Ray's, whatever state it is in."""
    with no_warnings(), suppress(OSError, subprocess.SubprocessError):
        end()


def _alive_ids() -> set[str]:
    from gridcache.cluster.actors.ray_nodes import (  # noqa: PLC0415 - imports Ray
        ray_machines,
    )

    return {one.node_id for one in ray_machines() if one.alive}


# -- a grid on it --------------------------------------------------------------


def wait_until(
    condition: Callable[[], bool],
    describe: Callable[[], str] = str,
    *,
    timeout_s: float = 60.0,
) -> None:
    """Wait for what other processes bring about; however busy the machine is."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, f"not within {timeout_s} s: {describe()}"
        time.sleep(0.05)


def wait_for_nodes(grid: "Grid", *names: str) -> None:
    """Wait until exactly these nodes serve, with no partition on its way.

    The view of this process's node, which follows the membership's, has them too.
    """

    def settled() -> bool:
        status = grid.status()
        serving = {one.name for one in status.nodes if one.state == "serving"}
        members = {one.name for one in grid.view().members}
        return serving == members == set(names) and not status.moves

    wait_until(settled, lambda: "\n".join(map(str, grid.nodes())))


def node_of(grid: "Grid", name: str) -> "NodeInfo":
    """What is known of a node."""
    return next(one for one in grid.nodes() if one.name == name)


def pair(grid: "Grid") -> "tuple[NodeInfo, NodeInfo]":
    """The two nodes that every test has; this process is on the first.

    As they are when both serve: one that is busy counts as starting for a while.
    """
    assert grid.here is not None
    names = (grid.here, f"{grid.here}-1")
    found: dict[str, NodeInfo] = {}

    def both_serve() -> bool:
        found.update((one.name, one) for one in grid.nodes())
        return all(n in found and found[n].state == "serving" for n in names)

    wait_until(both_serve, lambda: "\n".join(map(str, found.values())))
    return found[names[0]], found[names[1]]


def pid_of(grid: "Grid", node: str) -> int:
    """Process of a node's actor, as of its last report."""
    pid = node_of(grid, node).pid
    assert pid is not None
    return pid


def kill(pid: int, number: int = signal.SIGKILL) -> None:
    """Send a process a signal."""
    os.kill(pid, number)
