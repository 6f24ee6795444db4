"""Cluster: the Ray clusters that a driver can be on.

One of a single node with a small object store, which is this driver's own; the same as
another driver, a second job; and two nodes that are joined to a grid. Ray's files lie
in a directory of their own among the temporary files, so it spills where it would.
"""

import logging
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ray

from gridcache.bench.grid.ray_site import ray_site
from gridcache.bench.place import setting
from gridcache.cache import GridCache
from gridcache.cluster.actors.simulated import SETTINGS, no_warnings

__all__ = ["Seat", "attached", "own", "two_nodes"]

_CPUS = 2
_NAMESPACE = "ray_data"


@dataclass(frozen=True, slots=True)
class Seat:
    """Where a driver is."""

    address: str
    """Of the cluster."""
    cache: GridCache
    """What datasets are kept in."""
    files: Path | None = None
    """Directory of Ray's temporary files, of a driver that has its own."""


@contextmanager
def own(
    directory: Path, capacity_nbytes: int, object_store_nbytes: int
) -> Iterator[Seat]:
    """One node, with this process as its driver, and a store that is no grid's."""
    with (
        TemporaryDirectory(prefix="gcr-", ignore_cleanup_errors=True) as temporary,
        _driver(
            address="local",
            num_cpus=_CPUS,
            include_dashboard=False,
            object_store_memory=object_store_nbytes,
            _temp_dir=temporary,
        ) as address,
        GridCache(_NAMESPACE, path=directory, capacity=capacity_nbytes) as cache,
    ):
        yield Seat(address, cache, Path(temporary))


@contextmanager
def attached(directory: Path, address: str) -> Iterator[Seat]:
    """Another job on the cluster of a driver, and the store that it has made."""
    with _driver(address=address), GridCache(_NAMESPACE, path=directory) as cache:
        yield Seat(address, cache)


@contextmanager
def two_nodes(directory: Path, capacity_nbytes: int) -> Iterator[Seat]:
    """Two nodes of a grid; object stores as large as the grid's."""
    with ray_site(directory, capacity_nbytes) as site:
        _quiet()
        with site.blocks.cache(_NAMESPACE) as cache:
            yield Seat(ray.get_runtime_context().gcs_address, cache)


@contextmanager
def _driver(**options: Any) -> Iterator[str]:
    with ExitStack() as undo:
        undo.enter_context(no_warnings())
        for name, value in SETTINGS.items():
            undo.enter_context(setting(name, value))
        ray.init(
            log_to_driver=False,
            logging_level=logging.ERROR,
            configure_logging=False,
            **options,
        )
        undo.callback(ray.shutdown)
        _quiet()
        yield str(ray.get_runtime_context().gcs_address)


def _quiet() -> None:
    """Ray Data tells what it does; a benchmark has a table for that."""
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.ERROR)
