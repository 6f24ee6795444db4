"""Least recently used goes first."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Lru"]


class Lru:
    """By the tick of the last use, exact within a process."""

    name: ClassVar[str] = "lru"
    evicts: ClassVar[bool] = True
    stable: ClassVar[bool] = True
    ages: ClassVar[bool] = False

    def scores(self, records: NDArray[np.void]) -> NDArray[np.uint64]:
        """The tick itself."""
        ticks: NDArray[np.uint64] = records["tick"]
        return ticks
