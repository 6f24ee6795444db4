"""A grid of two nodes, `head` and `gpu2`, started with the commands themselves.

All of it lies in directories of its own: the home, Ray's files, the stores.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gridcache.cli.ray.head import stop_head

__all__ = ["Done", "Simulated", "two_nodes", "user"]

GRID = "from gridcache.cli import main; main(prog_name='grid')"
TIMEOUT_S = 60
"""Less than a test may take, so that what was started is ended."""

ROOT = Path(__file__).parents[3]
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
        return self.python(GRID, *words)

    def python(self, code: str, *words: object) -> Done:
        """Run a program."""
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, words)],
            env=os.environ | self.settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )

    def read(self, *words: object) -> Any:
        """Run `grid` and return its JSON."""
        done = self(*words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def allocate(self, size: str, *words: str) -> str:
        """Make a block."""
        made = self.read("memory", "allocate", "--size", size, *words)
        return str(made["allocated"]["block_id"])

    def blocks(self) -> dict[str, dict[str, object]]:
        """All blocks, by id."""
        rows = self.read("memory", "list-blocks")["blocks"]
        return {row["block_id"]: row for row in rows}


@contextmanager
def user() -> Iterator[Simulated]:
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
        "GRIDCACHE_DIRECTORY": str(stores),
        "GRIDCACHE_CAPACITY": "64MiB",
        "PYTHONPATH": str(ROOT),
        "PATH": f"{place}:{os.environ['PATH']}",
    }
    (place / "grid").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{GRID}" "$@"\n')
    (place / "grid").chmod(0o700)
    (place / "cluster.yaml").write_text(CONFIG)
    try:
        yield Simulated(settings, place / "cluster.yaml")
    finally:
        stop_head(stores)  # if `grid down` could not
        shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)


@contextmanager
def two_nodes(simulated: Simulated) -> Iterator[None]:
    """Run a grid of two nodes; ended with `grid down`."""
    one = simulated.config.with_name("head.yaml")
    one.write_text(CONFIG.replace("  - {name: gpu2, memory_gb: 0.0625}\n", ""))
    with ExitStack() as undo:
        undo.callback(simulated, "down", "--config", simulated.config)
        made = simulated.read("up", "--config", one)
        node = start_node(simulated, made["grid"]["ray_address"])
        undo.callback(node.wait)
        undo.callback(os.killpg, node.pid, signal.SIGKILL)
        simulated.read("up", "--config", simulated.config)
        yield
        done = simulated("down", "--config", simulated.config)
        assert done.returncode == 0, done.stderr


def start_node(simulated: Simulated, address: str) -> subprocess.Popen[bytes]:
    """Start `gpu2` and wait until it has joined Ray."""
    log = simulated.config.with_name("gpu2.log")
    options = [f"--address={address}", "--block", "--labels=gridcache-node=gpu2"]
    options += ["--num-cpus=2", "--object-store-memory=83886080"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *options],
            # Ray takes no token of itself where it is given an address.
            env=os.environ | simulated.settings | {"RAY_AUTH_MODE": "token"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    deadline = time.monotonic() + TIMEOUT_S
    while "Ray runtime started" not in log.read_text():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise AssertionError(log.read_text())
        time.sleep(0.1)
    return process
