"""Two nodes of a real Ray cluster on this machine, joined to a grid.

A cluster of its own whatever runs here already: Ray's files, its token and the
stores lie in directories of the run, and all of it goes with the block.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from gridcache.bench.grid.actors import actor_starter
from gridcache.bench.grid.site import Site
from gridcache.bench.place import setting
from gridcache.cluster.actors.simulated import (
    LEAST_OBJECT_STORE_NBYTES,
    SETTINGS,
    no_warnings,
)

__all__ = ["ray_site"]

_CPUS = 2
_NODES = 2
_JOIN_S = 60.0
_LOOK_S = 0.1


@contextmanager
def ray_site(directory: Path, capacity_nbytes: int) -> Iterator[Site]:
    """Run the cluster and its grid while the block lasts.

    Parameters
    ----------
    directory
        For the stores; is made.
    capacity_nbytes
        Of each node's store, and of its object store.
    """
    directory.mkdir(parents=True)
    with ExitStack() as undo:
        undo.enter_context(no_warnings())
        # Not in the run's own place: socket paths end at 107 bytes.
        temporary = TemporaryDirectory(prefix="gcg-", ignore_cleanup_errors=True)
        settings = SETTINGS | {
            "RAY_TMPDIR": undo.enter_context(temporary),
            "GRIDCACHE_DIRECTORY": str(directory),
        }
        for name, value in settings.items():
            undo.enter_context(setting(name, value))
        undo.enter_context(_without("RAY_ADDRESS"))
        ray, address = _start(undo, capacity_nbytes)
        grid = _join(undo, address, capacity_nbytes)
        nodes = {node.name: node for node in _settled(grid)}
        names = sorted(nodes, key=lambda name: name != grid.here)
        yield Site(
            {name: Path(nodes[name].store) for name in names},
            grid,
            actor_starter(ray, {name: nodes[name].ray_node_id for name in names}),
        )


def _start(undo: ExitStack, nbytes: int) -> tuple[Any, str]:
    ray = import_module("ray")
    cluster = import_module("ray.cluster_utils").Cluster()
    undo.callback(_quietly, cluster.shutdown)
    size = {
        "num_cpus": _CPUS,
        "object_store_memory": max(nbytes, LEAST_OBJECT_STORE_NBYTES),
    }
    for number in range(_NODES):
        head = {} if number else {"include_dashboard": False}
        cluster.add_node(**size, **head)
    ray.init(
        address=cluster.address,
        log_to_driver=False,
        logging_level=logging.ERROR,
        configure_logging=False,
    )
    undo.callback(_quietly, ray.shutdown)
    return ray, str(cluster.address)


def _join(undo: ExitStack, address: str, capacity_nbytes: int) -> Any:
    connect = import_module("gridcache.cluster.actors.connect").connect
    grid = connect(address, name="bench", capacity=capacity_nbytes)
    undo.callback(_quietly, grid.close)
    undo.callback(_quietly, grid.stop, remove_stores=True)
    return grid


def _settled(grid: Any) -> Any:
    """Wait until all nodes serve and no partition is on its way."""
    until = time.monotonic() + _JOIN_S
    while True:
        status = grid.status()
        serving = [node for node in status.nodes if node.state == "serving"]
        if len(serving) == _NODES and not status.moves:
            return serving
        if time.monotonic() > until:
            states = ", ".join(f"{one.name} {one.state}" for one in status.nodes)
            message = f"the grid's nodes did not come up in {_JOIN_S:.0f} s: {states}"
            raise TimeoutError(message)
        time.sleep(_LOOK_S)


@contextmanager
def _without(name: str) -> Iterator[None]:
    before = os.environ.pop(name, None)
    try:
        yield
    finally:
        if before is not None:
            os.environ[name] = before


def _quietly(end: Any, **how: Any) -> None:
    """Call what ends something of Ray's, whatever state it is in."""
    with suppress(Exception):
        end(**how)
