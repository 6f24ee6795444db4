"""A cache that every process of this machine shares.

Run it twice: the second run finds what the first one stored.
"""

import os

import numpy as np

from gridcache import GridCache

cache = GridCache("examples")

# It is a mapping of keys to any values.
if "prices" in cache:
    print("found what an earlier run stored:", cache["prices"].shape)
cache["prices"] = np.arange(1_000_000.0)
cache["settings"] = {"window": 7, "by": os.getpid()}

# Arrays come back read-only, large ones as views of the shared memory: no copy.
prices = cache["prices"]
print("sum", prices.sum(), "| writeable:", prices.flags.writeable)

# Your own copy, to change as you like.
mine = cache.get("prices", copy=True)
mine[0] = -1.0
print("yours", mine[0], "| the cache's", cache["prices"][0])

# Options of an entry: how long it lives, groups, a pin against eviction.
cache.put("token", "abc", ttl="15m")
cache.put("2024/jan", [1, 2], tags=["2024"])
cache.put("2024/feb", [3, 4], tags=["2024"], pin=True)
print("keys of 2024:", list(cache.keys("2024/")))
print("deleted", cache.clear(tag="2024"), "of them")

# Why is a key not there?
print(cache.explain("price"))
print(cache)
