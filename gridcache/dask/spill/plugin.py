"""Plugin: spilling for all workers of a cluster, also while it runs."""

import logging
from typing import Any

from distributed import Worker, WorkerPlugin
from distributed.core import Status
from distributed.spill import SpillBuffer

from gridcache.dask.spill.buffer import insert, take_out, tiers_of
from gridcache.dask.spill.options import SpillOptions
from gridcache.errors import ConfigError

__all__ = ["SpillPlugin"]

_logger = logging.getLogger("gridcache")
_ENDING = {Status.closing, Status.closed, Status.failed}
"""Not while it is closing gracefully: its values still go to other workers."""


class SpillPlugin(WorkerPlugin):
    """Let workers spill to idle memory before they spill to disk.

    First to their own node's store, then, in a grid, to memory that is idle on other
    nodes, then to Dask's disk. Dask decides when to spill and what, as before.

    Parameters
    ----------
    max_bytes
        In a node's store, for each of its workers ("4GiB"); half of the store unless
        it is given. Spilled values push cache entries out.
    others
        Whether to use other nodes, if there is a grid.
    compression
        In memory, one of Dask's; none unless it is given.
    disk
        Whether to use Dask's disk when no memory takes a value; else it stays.
    path, grid
        Which store, as for `GridCache`; the node's unless they are given.

    Notes
    -----
    Unregistered, it leaves what is spilled where it is, readable, and new values go
    to disk. What a worker spilled is freed when it ends, however it ends.

    Examples
    --------
    >>> client.register_plugin(SpillPlugin())  # doctest: +SKIP
    """

    name = "gridcache-spill"
    idempotent = False
    """Registered again, it has the new options."""

    def __init__(self, **options: Any) -> None:
        self.options = SpillOptions.read(**options)

    def setup(self, worker: Worker) -> None:
        """Begin, on one worker.

        Raises
        ------
        ConfigError
            This worker does not spill at all; nothing was changed.
        GridCacheError
            There is no store; nothing was changed.
        """
        data = worker.data
        if not isinstance(data, SpillBuffer):
            raise _does_not_spill(worker)
        insert(data, self.options, str(worker.name))

    def teardown(self, worker: Worker) -> None:
        """End, on one worker: free everything if the worker ends, too."""
        tiers = tiers_of(worker.data)
        if tiers is not None and worker.status in _ENDING:
            tiers.end()
        elif tiers is not None:
            take_out(worker.data)


def _does_not_spill(worker: Worker) -> ConfigError:
    message = (
        f"worker {worker.name!r} keeps its data in a {type(worker.data).__name__} that "
        f"never spills: give it a memory_limit, and do not switch "
        f"distributed.worker.memory.target and spill off"
    )
    return ConfigError(message, worker=str(worker.name))
