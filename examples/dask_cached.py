"""Run the same analysis again: what took long is read, without a name for anything.

Run it twice: the second run finds what the first has kept.
"""

import time

import dask.dataframe as dd
import numpy as np
import pandas as pd

from gridcache.dask import GridScheduler, cached, names, plan


def features(part: pd.DataFrame) -> pd.DataFrame:
    """Pretend to work hard on one partition."""
    time.sleep(0.1)
    return part.assign(root=np.sqrt(part["value"]))


def analysis(frame: dd.DataFrame) -> float:
    """What a notebook does each morning."""
    started = time.perf_counter()
    frame.groupby("user")["root"].sum().compute()
    largest = float(frame["root"].max().compute())
    print(f"{time.perf_counter() - started:6.3f} s, largest {largest:.1f}")
    return largest


values = np.arange(40_000.0)
table = pd.DataFrame({"user": (values % 7).astype(int), "value": values})
frame = dd.from_pandas(table, npartitions=4).map_partitions(features)

with cached() as first:
    largest = analysis(frame)
print(first)

with cached() as second:
    assert analysis(frame) == largest
print(second)
assert second.hits > 0
assert second.misses == 0

# What would be read, and what computed, can be seen before.
outlook = plan(frame["root"].min())
print(outlook.headline)
assert outlook.hits > 0

# What Dask cannot see goes into the salt: another one finds other results.
with cached(salt="prices of 2026-11-24") as salted:
    frame["root"].min().compute()
print(salted)

# Dask's own persist() goes to the cache, too, and computes nothing the second time.
with GridScheduler():
    kept = frame.persist()
    kept = frame.persist()
assert float(kept["root"].max().compute()) == largest
print("published:", names())
