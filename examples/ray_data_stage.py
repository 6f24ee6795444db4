"""A stage inside a pipeline: its output is kept under a name and a version.

What comes before it runs for the first who needs it; what comes after may change with
each run. Starts a Ray that ends with this program, unless one runs here.
"""

import time

import numpy as np
import ray
from ray.data import Dataset
from ray.data.expressions import col

import gridcache.ray_data
from gridcache import NameNotFoundError


def embed(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Pretend to ask a large model."""
    time.sleep(0.02)
    angles = batch["id"][:, None] * np.arange(1, 9)
    return {"id": batch["id"], "first": np.sin(batch["id"]), "vector": np.sin(angles)}


def embedded(version: str) -> Dataset:
    """The pipeline up to the stage, as every script writes it."""
    source = ray.data.range(2_000, override_num_blocks=4)
    vectors = source.map_batches(embed, batch_size=100)
    return gridcache.ray_data.stage(vectors, "example/vectors", version=version)


def near(what: str, dataset: Dataset, limit: float) -> int:
    """Count the rows that are near, and say what it took."""
    started = time.perf_counter()
    found = dataset.filter(expr=col("first") > limit).count()
    print(f"{what}: {found} rows, {time.perf_counter() - started:.2f} s")
    return found


# So that each run of this example shows both. Yours would keep what is there.
for version in ("v1", "v2"):
    try:
        gridcache.ray_data.release(f"example/vectors@{version}")
    except NameNotFoundError:
        print("nobody has made", version, "yet")

first = near("the first asks the model", embedded("v1"), 0.5)
assert "example/vectors@v1" in gridcache.ray_data.names()
# What comes after the stage has changed: nobody asks the model again.
assert near("the second reads", embedded("v1"), 0.9) < first
near("another version asks again", embedded("v2"), 0.5)
print("published:", gridcache.ray_data.names())
