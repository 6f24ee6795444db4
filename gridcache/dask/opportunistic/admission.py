"""Admission: which results are worth their bytes.

A result is worth keeping if reading it back is quicker than making it again. So the
measure is seconds per byte, with a floor in seconds below which a task costs nothing:
neither a look at its result nor one at the cache.

What a hit saves is more than the seconds of its own task: with it goes all that is
needed for it alone. Of this counts what is not kept itself. A task's seconds are its
own and those of the longest chain beneath it, down to what is kept (`spent`): a cheap
task above an expensive one whose result was too large is kept in its place, and a row
of cheap tasks is kept each time that together they come to the floor. The longest
chain and not the sum, for a result that two tasks use would count twice, at each level
again; it is what has to pass in any case. What the caller asked for counts with all
that is beneath, kept or not: the next call then reads one entry instead of many.
"""

from dataclasses import dataclass
from typing import Any

from dask.sizeof import sizeof

__all__ = ["MIN_SECONDS", "MIN_SECONDS_PER_BYTE", "Admission"]

MIN_SECONDS = 0.01
"""Storing a small result takes some 0.1 ms: at most a hundredth is spent on it."""
MIN_SECONDS_PER_BYTE = 2e-9
"""Made at less than 500 MB/s. Memory is copied at some GB/s, once to store and once to
read; between nodes it is about 1 GB/s."""


@dataclass(frozen=True, slots=True)
class Admission:
    """Thresholds."""

    min_seconds: float = MIN_SECONDS
    min_seconds_per_byte: float = MIN_SECONDS_PER_BYTE

    def admits(self, value: Any, seconds: float) -> bool:
        """Tell whether a value is worth its bytes; looks at it only if it may be."""
        if seconds < self.min_seconds:
            return False
        return bool(seconds >= self.min_seconds_per_byte * sizeof(value))
