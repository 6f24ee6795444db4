"""What test and driver agree on: objects whose bytes are known by their number."""

import numpy as np
from numpy.typing import NDArray

__all__ = ["MARK", "OBJECT_NBYTES", "value"]

MARK = "> "
"""Before what the driver says itself."""
OBJECT_NBYTES = 6 << 20


def value(number: int) -> NDArray[np.uint8]:
    """As many bytes as every other, and none of theirs."""
    return np.random.default_rng(number).integers(0, 256, OBJECT_NBYTES, np.uint8)
