"""Slow disk: Dask's own, written through and read back without the page cache.

What a disk is to a worker whose machine has no memory left to cache files with.
"""

import os
from pathlib import Path
from typing import Any

from distributed import Worker, WorkerPlugin
from distributed.spill import AnyKeyFile

__all__ = ["SlowDisk"]


class SlowDisk(WorkerPlugin):
    """Has the workers, whose data lie in memory still, spill to such a disk."""

    def setup(self, worker: Worker) -> None:
        """Exchange the files below their serialisation."""
        data: Any = worker.data
        slow = data.slow.data  # below the cache of values in use
        slow.d = _UncachedFile(slow.d.directory)


class _UncachedFile(AnyKeyFile):
    """One file for each value; none stays in the page cache."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self._drop(key)

    def __getitem__(self, key: Any) -> Any:
        value = super().__getitem__(key)
        self._drop(key)
        return value

    def _drop(self, key: Any) -> None:
        """Bring a file to the disk, and out of memory."""
        with (Path(self.directory) / self.filenames[key]).open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
