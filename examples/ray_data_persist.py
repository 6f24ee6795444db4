"""A Ray Data pipeline that runs once; any job reads its result by a name.

Starts a Ray that ends with this program, unless one runs here. The dataset stays in
shared memory when Ray is gone: run it twice, the second run computes nothing.
"""

import os
import tempfile
from pathlib import Path

import numpy as np
import ray

import gridcache.ray_data
from gridcache import NameInUseError

ROWS = 20_000
CALLS = Path(tempfile.gettempdir(), f"gridcache-example-{os.getuid()}.calls")
"""The same in each run: what a function uses is part of the pipeline's identity."""


def features(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pretend to work hard, and note that it was called."""
    with CALLS.open("a") as file:
        file.write(".")
    return {"id": batch["id"], "root": np.sqrt(batch["id"])}


def calls() -> int:
    """How often that was."""
    return len(CALLS.read_text()) if CALLS.exists() else 0


CALLS.unlink(missing_ok=True)
raw = ray.data.range(ROWS, override_num_blocks=4).map_batches(features)

clean = gridcache.ray_data.persist(raw, "example/clean", version="v1")
print("first", calls(), "batches were computed")
CALLS.unlink(missing_ok=True)

clean = gridcache.ray_data.persist(raw, "example/clean", version="v1")
print("a row of", clean.count(), clean.take(1))
print("then", calls())
assert calls() == 0

# What another job does, tomorrow; it knows nothing of the pipeline.
found = gridcache.ray_data.load("example/clean")
assert found.count() == ROWS
print(gridcache.ray_data.info("example/clean"))

# In the order in which it was made, where that matters more than where it lies.
ordered = gridcache.ray_data.load("example/clean", ordered=True)
assert [row["id"] for row in ordered.take(3)] == [0, 1, 2]

# A name never stands for something else in silence.
try:
    gridcache.ray_data.persist(raw, "example/clean", version="v2")
except NameInUseError as error:
    print(error)
