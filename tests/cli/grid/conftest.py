"""A grid of two nodes, `head` and `gpu2`, started with the commands themselves."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

GRID = "from gridcache.cli import main; main(prog_name='grid')"
TIMEOUT_S = 120
CONFIG = """\
nodes:
  - {name: head, host: localhost, role: head, memory_gb: 0.0625}
  - {name: gpu2, memory_gb: 0.0625}
execution:
  resource_sharing: {enabled: true, mode: dynamic_balancing}
"""

Done = subprocess.CompletedProcess[str]


@dataclass(frozen=True, slots=True)
class Simulated:
    """A grid whose nodes are processes of this machine."""

    settings: dict[str, str]
    config: Path

    def __call__(self, *words: object) -> Done:
        """Run `grid` as a user does."""
        command = [sys.executable, "-c", GRID, *map(str, words)]
        return subprocess.run(
            command,
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )


@pytest.fixture(scope="session")
def simulated() -> Iterator[Simulated]:
    """Set up the environment of a user without any Ray or store."""
    # Ray's socket paths must stay below 108 characters.
    place = Path(tempfile.mkdtemp(prefix="gcr", dir="/tmp"))
    stores = Path(tempfile.mkdtemp(prefix="gridcache-grid-", dir="/dev/shm"))
    settings = {
        "HOME": str(place),
        "RAY_TMPDIR": str(place),
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_enable_metrics_collection": "0",
        "RAY_enable_worker_prestart": "0",
        "RAY_object_store_memory": str(80 << 20),
        "GRIDCACHE_DIRECTORY": str(stores),
        "GRIDCACHE_CAPACITY": "64MiB",
        "PYTHONPATH": str(Path(__file__).parents[3]),
    }
    (place / "cluster.yaml").write_text(CONFIG)
    try:
        yield Simulated(settings, place / "cluster.yaml")
    finally:
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)
