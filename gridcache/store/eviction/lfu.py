"""Least frequently used goes first, the least recent among equals.

Frequencies are halved after ten uses per entry on average (the reset of
TinyLFU: Einziger, Friedman, Manes, 2017); without it yesterday's favourites
never leave, the worst policy of all on churning traces.
"""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lfu"]

_TICK_BITS = np.uint64(48)


class Lfu:
    """By frequency, then by tick."""

    name: ClassVar[str] = "lfu"
    evicts: ClassVar[bool] = True
    stable: ClassVar[bool] = False
    ages: ClassVar[bool] = True

    def scores(self, records: NDArray[np.void]) -> NDArray[np.uint64]:
        """Frequency in the high 16 bits, the tick below."""
        frequency = records["frequency"].astype(np.uint64)
        scores: NDArray[np.uint64] = (frequency << _TICK_BITS) | records["tick"]
        return scores
