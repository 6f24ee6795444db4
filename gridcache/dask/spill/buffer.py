"""Buffer: Dask's `SpillBuffer` with memory between RAM and disk.

Either made so, `Worker(data=(GridSpillBuffer, {...}))`, or changed while it is in
use. Only what lies below the buffer's cache of values that are in use is exchanged,
so that nobody who is reading or writing notices.
"""

from pathlib import Path
from typing import Any

from dask.typing import Key
from distributed.spill import MaxSpillExceeded, PickleError, SpillBuffer

from gridcache.dask.spill.opening import open_memory
from gridcache.dask.spill.options import SpillOptions
from gridcache.dask.spill.tiers import Tiers
from gridcache.units import parse_bytes

__all__ = ["GridSpillBuffer", "insert", "take_out", "tiers_of"]


class _SpillBuffer(SpillBuffer):
    """Dask's, with reads that do not fail for another value's sake."""

    def __getitem__(self, key: Key) -> object:
        try:
            return super().__getitem__(key)
        except (MaxSpillExceeded, PickleError, OSError):
            # It was read into RAM, and what was to go for it found no place.
            if key in self.fast:
                return self.fast[key]
            raise


class GridSpillBuffer(_SpillBuffer):
    """A worker's data: RAM, then the grid, then disk.

    Parameters
    ----------
    worker_local_directory
        Given by Dask.
    target
        Bytes in RAM from which values are spilled ("600MB"); Dask does not tell what
        it would choose.
    max_spill
        Bytes on disk at most; False for any.
    **options
        As for `SpillPlugin`.
    """

    def __init__(
        self,
        worker_local_directory: str,
        target: float | str,
        max_spill: float | str | bool = False,
        **options: Any,
    ) -> None:
        directory = Path(worker_local_directory)
        most = False if max_spill is False else parse_bytes(max_spill)
        chosen = SpillOptions.read(**options)
        super().__init__(str(directory / "storage"), parse_bytes(target), most)
        insert(self, chosen, directory.name)


def tiers_of(data: object) -> Tiers | None:
    """The tiers of a worker's data; None if it has none of ours."""
    slow = getattr(getattr(data, "slow", None), "data", None)
    return slow if isinstance(slow, Tiers) else None


def insert(data: SpillBuffer, options: SpillOptions, worker: str) -> None:
    """Have a buffer spill into memory first; what is spilled already stays.

    Raises
    ------
    GridCacheError
        There is no such memory; nothing was changed.
    """
    tiers = tiers_of(data)
    if tiers is None:  # an empty one is false
        tiers = Tiers(data._slow_uncached)
    tiers.use(options, lambda chosen: open_memory(chosen, worker))
    _cache_of(data).data = tiers
    if type(data) is SpillBuffer:  # the worker holds this very object in many places
        data.__class__ = _SpillBuffer


def take_out(data: Any) -> None:
    """Have a buffer spill to disk alone again.

    What lies in memory is served from there until it is deleted or read back.
    """
    tiers = tiers_of(data)
    if tiers is not None and tiers.retire():
        _cache_of(data).data = tiers.disk


def _cache_of(data: SpillBuffer) -> Any:
    """The `zict.Cache` of spilled values that are in use."""
    return data.slow
