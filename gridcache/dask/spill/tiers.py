"""Tiers: the slow half of a worker's data, first memory, then Dask's own disk.

Takes the place of `distributed.spill.Slow` inside a `SpillBuffer`, and gives what
that gives: `total_weight`, `weight_by_key`, `max_weight`, the same metrics and the
same errors.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from distributed.metrics import context_meter
from distributed.sizeof import safe_sizeof
from distributed.spill import MaxSpillExceeded, PickleError, Slow, SpilledSize
from zict.common import ZictBase

from gridcache.dask.spill.frames import dump, load
from gridcache.dask.spill.memory import Place, SpillMemory
from gridcache.dask.spill.options import SpillOptions
from gridcache.dask.spill.troubles import LostError, NoRoomError, SpillError

__all__ = ["Tiers"]

_NOTHING = SpilledSize(0, 0)


class _Spilled(NamedTuple):
    """A value in memory."""

    memory: SpillMemory
    place: Place
    lead_nbytes: int
    weight: SpilledSize


class Tiers(ZictBase[Any, Any]):
    """A mapping of keys to values that do not lie in the worker's memory.

    Parameters
    ----------
    disk
        Where values go that no memory takes; those that are there already stay.
    """

    def __init__(self, disk: Slow) -> None:
        super().__init__()
        self.disk = disk
        self.memory: SpillMemory | None = None
        """Where values go first; None for to disk alone."""
        self._to_disk = True
        self._compression: str | None = None
        self._memories: dict[SpillOptions, SpillMemory] = {}
        """All that have values, and the one that takes some."""
        self._where: dict[Any, _Spilled | None] = dict.fromkeys(disk)
        """None for what is on disk."""
        self._in_memory = _NOTHING
        self._changing = threading.RLock()
        self.fell = 0
        """Values that no memory took."""

    # -- which memory ----------------------------------------------------------

    def use(
        self, options: SpillOptions, opened: Callable[[SpillOptions], SpillMemory]
    ) -> None:
        """Bring values into the memory of these options from now on."""
        with self._changing:
            if options not in self._memories:
                self._memories[options] = opened(options)
            self.memory, self._to_disk = self._memories[options], options.disk
            self._compression = options.compression
            self._close_unused()

    def retire(self) -> bool:
        """Bring values to disk from now on; what lies in memory stays readable.

        Returns
        -------
        bool
            True if nothing does.
        """
        with self._changing:
            self.memory, self._to_disk = None, True
            self._close_unused()
            return not self._memories

    @property
    def memories(self) -> list[SpillMemory]:
        """All that have values, and the one that takes some."""
        return list(self._memories.values())

    def _close_unused(self) -> None:
        for options, memory in list(self._memories.items()):
            if memory is not self.memory and not memory.count:
                del self._memories[options]
                memory.close()

    def end(self) -> None:
        """Free what lies in memory, and lose it: the worker ends."""
        with self._changing:
            self.memory = None
            for memory in self._memories.values():
                memory.close()

    def close(self) -> None:
        """Let everything go: it is freed aside.

        Called by zict, which has the collector call it, too: maybe inside a
        transaction of the store, where nothing can be freed.
        """
        self.memory = None
        self._memories.clear()
        self._where.clear()

    # -- the mapping ---------------------------------------------------------

    def __setitem__(self, key: Any, value: Any) -> None:
        """Spill a value.

        Raises
        ------
        distributed.spill.PickleError, distributed.spill.MaxSpillExceeded, OSError
            It stays where it was. What the key had before may be forgotten.
        """
        with self._changing:
            memory = self.memory
            spilled = None if memory is None else self._remember(memory, key, value)
            if spilled is None:
                self._write_to_disk(key, value)
                return
            self._forget(key)
            self._where[key] = spilled
            self._in_memory += spilled.weight

    def _remember(self, memory: SpillMemory, key: Any, value: Any) -> _Spilled | None:
        """Bring a value into memory; None if none takes it."""
        weight = safe_sizeof(value)
        if not memory.may_take(weight):
            return None
        try:
            taken = dump(value, self._compression)
        except Exception as error:
            raise PickleError(key) from error
        try:
            with context_meter.meter("disk-write", "seconds"):
                place = memory.put(taken.pieces, taken.nbytes)
        except NoRoomError:
            memory.refused(weight)
            return None
        except SpillError:
            if not self._to_disk:
                raise
            return None
        context_meter.digest_metric("disk-write", 1, "count")
        context_meter.digest_metric("disk-write", taken.nbytes, "bytes")
        size = SpilledSize(weight, taken.nbytes)
        return _Spilled(memory, place, taken.lead_nbytes, size)

    def _write_to_disk(self, key: Any, value: Any) -> None:
        self.fell += 1
        if not self._to_disk:
            raise MaxSpillExceeded(key)
        self._forget(key)
        self.disk[key] = value
        self._where[key] = None

    def __getitem__(self, key: Any) -> Any:
        spilled = self._where[key]
        if spilled is None:
            return self.disk[key]
        memory, place = spilled.memory, spilled.place

        def read(into: memoryview) -> None:
            with context_meter.meter("disk-read", "seconds"):
                memory.read_into(place, into)
            context_meter.digest_metric("disk-read", 1, "count")
            context_meter.digest_metric("disk-read", place.nbytes, "bytes")

        try:
            return load(place.nbytes, spilled.lead_nbytes, read)
        except LostError as error:
            raise KeyError(key) from error

    def __delitem__(self, key: Any) -> None:
        with self._changing:
            if key not in self._where:
                raise KeyError(key)
            self._forget(key)

    def _forget(self, key: Any) -> None:
        """Drop what a key has; the caller holds the lock."""
        if key not in self._where:
            return
        spilled = self._where.pop(key)
        if spilled is not None:
            self._in_memory -= spilled.weight
            spilled.memory.free(spilled.place)
            if spilled.memory is not self.memory:
                self._close_unused()
        else:
            del self.disk[key]

    def __contains__(self, key: object) -> bool:
        return key in self._where

    def __iter__(self) -> Iterator[Any]:
        return iter(self._where)

    def __len__(self) -> int:
        return len(self._where)

    def __repr__(self) -> str:
        on_disk = len(self.disk)
        return f"<Tiers: {len(self) - on_disk} in memory, {on_disk} on disk>"

    __str__ = __repr__

    # -- what SpillBuffer reads -----------------------------------------------

    @property
    def total_weight(self) -> SpilledSize:
        """Of everything here, as `sizeof` has it and as stored."""
        return self._in_memory + self.disk.total_weight

    @property
    def weight_by_key(self) -> Mapping[Any, SpilledSize]:
        """The same of each."""
        on_disk = self.disk.weight_by_key
        return {
            key: on_disk[key] if spilled is None else spilled.weight
            for key, spilled in list(self._where.items())
        }

    @property
    def max_weight(self) -> int | bool:
        """Dask's limit of its disk."""
        return self.disk.max_weight
