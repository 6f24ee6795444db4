"""Results of a function, kept for every process and every later run.

The key is the function's code (with the functions and constants it uses) and its
arguments: change `SCALE` or the body, and it runs again.
"""

import time

import numpy as np

from gridcache import grid_cache

SCALE = 2.0


@grid_cache(namespace="examples", ignore=["verbose"], ttl="1d")
def features(year: int, window: int = 7, *, verbose: bool = False) -> np.ndarray:
    """Pretend to work hard."""
    if verbose:
        print(f"computing {year} ...")
    time.sleep(0.2)
    return np.full(100_000, year * SCALE) + window


def timed(year: int) -> float:
    """Seconds that one call takes."""
    started = time.perf_counter()
    features(year, verbose=True)
    return time.perf_counter() - started


print("cached before the first call:", features.is_cached(2024))
print(f"first call  {timed(2024) * 1e3:8.3f} ms")
print(f"second call {timed(2024) * 1e3:8.3f} ms")

# Defaults and the way of passing do not matter.
assert features.is_cached(year=2024, window=7)

# Of many calls only the missing ones compute.
sums = [array.sum() for array in features.map([2023, 2024, 2025])]
print("sums", sums)

features.refresh(2024)  # compute again and replace
print(features.cache_info())
print(features.explain(1999))
