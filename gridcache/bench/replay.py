"""Replay of a trace through a cache: get, and put on a miss. The real store code."""

import numpy as np

from gridcache.bench.traces import Trace
from gridcache.cache import GridCache
from gridcache.errors import OutOfSpaceError, ValueTooLargeError

__all__ = ["UNIT_NBYTES", "replay"]

UNIT_NBYTES = 1024
"""Of a value where the trace has no sizes."""


def replay(trace: Trace, cache: GridCache) -> float:
    """Hit ratio; values are incompressible and of the trace's sizes."""
    largest = UNIT_NBYTES if trace.sizes is None else int(trace.sizes.max())
    source = memoryview(np.random.default_rng(6).bytes(largest))
    get, put, hits = cache.get, cache.put, 0
    for key, nbytes in trace.accesses():
        if get(key) is not None:
            hits += 1
            continue
        try:
            put(key, np.frombuffer(source[: nbytes or UNIT_NBYTES], np.uint8))
        except (ValueTooLargeError, OutOfSpaceError):
            continue
    return hits / max(len(trace), 1)
