"""Figures of the spill ladder: counts and measured speeds, shared by a node's processes.

A small mapped file in the node's store. Each count has one kind of writer: the
node's actor counts what it moves away, whoever promotes counts that inside the
store's write transaction. A speed that is lost by a race costs nothing.
"""

import mmap
import os
from pathlib import Path
from typing import Any

from gridcache.cluster.tier.ladder import DISK, NODE, UNMEASURED, Speed
from gridcache.store.files import open_private, reserve_file

__all__ = ["Figures"]

_FILE = "tier.figures"
_NBYTES = mmap.PAGESIZE
_COUNTS = (
    "demoted_entries",
    "demoted_nbytes",
    "promoted_entries",
    "promoted_nbytes",
    "moved_entries",
    "moved_nbytes",
    "forgone_entries",
    "forgone_nbytes",
)
_SPEEDS = (NODE, DISK)
_FIRST_SPEED = 64
"""Words; counts may be added before."""
_LARGE = 256 << 10
"""Bytes from which a transfer tells the bandwidth, below it tells the latency."""
_WEIGHT = 0.25
"""Of the last measurement."""
_LEAST_S = 1e-6


class Figures:
    """One process's mapping of the file.

    Parameters
    ----------
    directory
        Of the node's store.
    """

    def __init__(self, directory: Path) -> None:
        path = directory / _FILE
        fd = open_private(path)
        try:
            reserve_file(fd, _NBYTES, path)
            self._mapping = mmap.mmap(fd, _NBYTES)
        finally:
            os.close(fd)
        self._counts = memoryview(self._mapping).cast("Q")
        self._speeds: Any = memoryview(self._mapping).cast("d")

    def count(self, what: str, entries: int, nbytes: int) -> None:
        """Add to the counts of `demoted`, `promoted`, `moved` or `forgone`."""
        at = _COUNTS.index(f"{what}_entries")
        self._counts[at] += entries
        self._counts[at + 1] += nbytes

    def counts(self) -> dict[str, int]:
        """Return all counts by name."""
        return {name: self._counts[at] for at, name in enumerate(_COUNTS)}

    def measure(self, rung: str, seconds: float, nbytes: int) -> None:
        """Take a transfer into account."""
        known, at = self.speed(rung), self._at(rung)
        if nbytes < _LARGE:
            self._speeds[at] = _mean(known.latency_s, max(seconds, _LEAST_S))
            self._speeds[at + 1] = known.nbytes_per_s
            return
        # Faster than what was assumed or once measured: that cannot be all latency.
        latency_s = min(known.latency_s, seconds / 2)
        moving_s = max(seconds - latency_s, _LEAST_S)
        self._speeds[at] = latency_s
        self._speeds[at + 1] = _mean(known.nbytes_per_s, nbytes / moving_s)

    def speed(self, rung: str) -> Speed:
        """Return what was measured of a rung, or is assumed of it."""
        at = self._at(rung)
        latency_s, nbytes_per_s = self._speeds[at], self._speeds[at + 1]
        if not (latency_s > 0.0 and nbytes_per_s > 0.0):
            return UNMEASURED[rung]
        return Speed(latency_s, nbytes_per_s)

    @staticmethod
    def _at(rung: str) -> int:
        return _FIRST_SPEED + 2 * _SPEEDS.index(rung)


def _mean(before: float, now: float) -> float:
    return before + _WEIGHT * (now - before)
