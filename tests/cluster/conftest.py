"""A real Ray cluster for the tests of the grid: a head and one more node.

Both are processes of this machine. Nothing of the user's is touched: Ray's files
lie in a short directory of their own, the stores in one in shared memory, and no
token is written. Tests that lose or add nodes leave the two of the session alone.
"""

import logging
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

_SHARED_MEMORY = Path("/dev/shm")
_OBJECT_STORE_NBYTES = 80 << 20  # the least that Ray takes
_CPUS = 2
_SETTINGS = {
    "RAY_AUTH_MODE": "disabled",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_enable_metrics_collection": "0",
    "RAY_enable_worker_prestart": "0",
    "GRIDCACHE_CAPACITY": "64MiB",
}
_HEALTH_CHECKS = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 300,
    "health_check_failure_threshold": 3,
    "health_check_timeout_ms": 500,
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
            object_store_memory=_OBJECT_STORE_NBYTES,
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
        """End what `add_node` started."""
        for node in list(self.added):
            self.kill_node(node)


@pytest.fixture(scope="session")
def ray_session() -> Iterator[RayCluster]:
    """Use `ray_cluster`."""
    with _directories() as (temporary, stores), pytest.MonkeyPatch.context() as patch:
        settings = _SETTINGS | {
            "RAY_TMPDIR": temporary,
            "GRIDCACHE_DIRECTORY": str(stores),
        }
        for name, value in settings.items():
            patch.setenv(name, value)
        patch.delenv("RAY_ADDRESS", raising=False)
        cluster = _start()
    try:
        yield RayCluster(cluster, stores, settings)
    finally:
        _quietly(cluster.shutdown)
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)


@contextmanager
def _directories() -> Iterator[tuple[str, Path]]:
    """Ray's and the stores'; removed here only if nothing was started in them."""
    # Ray's socket paths must stay below 108 characters.
    temporary = tempfile.mkdtemp(prefix="gcr", dir="/tmp")
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    stores = tempfile.mkdtemp(prefix="gridcache-grid-", dir=parent)
    try:
        yield temporary, Path(stores)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)
        raise


def _start() -> Any:
    with _no_warnings():
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - only where it is used

        cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": _CPUS,
                "object_store_memory": _OBJECT_STORE_NBYTES,
                "include_dashboard": False,
                "_system_config": _HEALTH_CHECKS,
            },
        )
        cluster.add_node(num_cpus=_CPUS, object_store_memory=_OBJECT_STORE_NBYTES)
    return cluster


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Ray's own are not ours to mend."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _quietly(end: Any) -> None:
    with _no_warnings(), suppress(OSError, subprocess.SubprocessError):
        end()


@pytest.fixture
def ray_cluster(
    ray_session: RayCluster, monkeypatch: pytest.MonkeyPatch
) -> Iterator[RayCluster]:
    """The cluster, with this process set up to find it and connected to it."""
    import ray  # noqa: PLC0415

    for name, value in ray_session.settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    with _no_warnings():
        ray.init(
            address=ray_session.address,
            namespace=f"test-{os.getpid()}",
            log_to_driver=False,
            logging_level=logging.ERROR,
            ignore_reinit_error=True,
        )
    try:
        yield ray_session
    finally:
        _quietly(ray.shutdown)
        _quietly(ray_session.remove_added)
