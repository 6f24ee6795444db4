"""A Ray cluster of its own that spills to stores, seen from outside.

The driver is a process of its own, since a process has one Ray only. Each node has a
store and a directory of Ray's; the test looks into both without asking anybody.
"""

import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from tests.ray_data.objectspill.kit.values import MARK
from tests.store.kit.processes import Child

__all__ = ["Nodes", "opened", "running", "wait_until"]

_SHARED_MEMORY = Path("/dev/shm")


class Nodes(Child):
    """The driver; a method of its program by name."""

    package = "tests.ray_data.objectspill.programs"

    def __init__(self, base: Path, stores: Path, workers: int) -> None:
        super().__init__("driver", base, stores, workers)
        self.base = base
        self.stores = stores
        assert self.answer() == "ready"

    def ask(self, name: str, *args: object) -> Any:
        """Have the driver do something; returns what it says."""
        self.tell(json.dumps([name, args]))
        return json.loads(self.answer())

    def answer(self) -> str:
        """What the driver says next; what Ray says is passed over."""
        while not (said := self.hear()).startswith(MARK):
            pass
        return said.removeprefix(MARK)

    # -- what lies where -----------------------------------------------------

    def files(self) -> list[int]:
        """Sizes of the files that Ray has spilled to."""
        return [one.stat().st_size for one in self._spilled() if not one.is_symlink()]

    def links(self) -> list[Path]:
        """Objects in stores."""
        return [one for one in self._spilled() if one.is_symlink()]

    def _spilled(self) -> list[Path]:
        found = self.base.rglob("ray_spilled_objects_*/*")
        return [one for one in found if os.path.lexists(one)]

    def blocks(self, node: str) -> int:
        """How many blocks a node's store has, if there is one; it is whole."""
        if not (self.stores / node / "superblock").exists():
            return 0
        with opened(self.stores / node) as store:
            assert store.check().ok
            return store.blocks.sizes().blocks


@contextmanager
def opened(directory: Path) -> Iterator[NodeStore]:
    """Open a store that is there."""
    store = open_store(directory)
    try:
        yield store
    finally:
        close_store(store)


@contextmanager
def running(workers: int = 1) -> Iterator[Nodes]:
    """Two nodes, `head` and `other`; nothing of them is left afterwards."""
    # Ray's socket paths must stay below 108 characters.
    base = Path(tempfile.mkdtemp(prefix="gcs", dir="/tmp"))
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    stores = Path(tempfile.mkdtemp(prefix="gridcache-spill-", dir=parent))
    try:
        with Nodes(base, stores, workers) as nodes:
            yield nodes
            nodes.ask("end")
    finally:
        shutil.rmtree(base, ignore_errors=True)
        shutil.rmtree(stores, ignore_errors=True)


def wait_until(condition: Callable[[], bool], timeout_s: float = 30.0) -> None:
    """Wait for what other processes bring about, however busy the machine is."""
    until = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < until, f"not within {timeout_s} s"
        time.sleep(0.05)
