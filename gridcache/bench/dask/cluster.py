"""Cluster: two local workers, each a process with one thread and little memory.

Their settings are Dask's defaults except for what is said here; those of the user do
not count. Dask's own disk is a directory on the file system of temporary files.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dask
from distributed import Client, LocalCluster

__all__ = ["WORKERS", "local_workers"]

WORKERS = 2
_START_S = 60


@contextmanager
def local_workers(
    directory: Path, memory_nbytes: int, target: float | None = None
) -> Iterator[Client]:
    """Run them while the block lasts.

    Parameters
    ----------
    directory
        Where they spill to.
    memory_nbytes
        Limit of each.
    target
        Share of the limit from which values are spilled; Dask's if it is left out.
    """
    settings: dict[str, object] = {
        "distributed.comm.timeouts.connect": f"{_START_S}s",
        "distributed.worker.preload": [],
    }
    if target is not None:
        settings["distributed.worker.memory.target"] = target
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=WORKERS,
            threads_per_worker=1,
            processes=True,
            memory_limit=memory_nbytes,
            dashboard_address=":0",  # a port of nobody
            local_directory=str(directory),
            silence_logs=logging.ERROR,
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(WORKERS, timeout=_START_S)
        yield client
