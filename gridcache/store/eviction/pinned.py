"""Nothing goes: policy `none`, for namespaces that must keep what they have."""

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Pinned"]


class Pinned:
    """Every entry counts as pinned; a full namespace refuses."""

    name: ClassVar[str] = "none"
    evicts: ClassVar[bool] = False
    stable: ClassVar[bool] = True
    ages: ClassVar[bool] = False

    def scores(self, records: NDArray[np.void]) -> NDArray[np.uint64]:
        """Never asked for by the store; oldest first for listings."""
        ticks: NDArray[np.uint64] = records["tick"]
        return ticks
