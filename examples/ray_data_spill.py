"""Intermediate results that are larger than Ray's object store, and no disk.

`materialize()` would let Ray write to disk what does not fit. `spill` keeps it in
gridcache: in memory of this machine, or of idle nodes of a grid. Starts a Ray that
ends with this program, unless one runs here.
"""

import gc
import time

import numpy as np
import ray

import gridcache.ray_data
from gridcache import GridCache

SMALL = 80 * 2**20
"""For Ray's object store, so that no large machine is needed to fill it."""
BLOCKS, ROWS = 24, 1_000


def measured(batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Make 4 KiB of every row: 96 MB of all."""
    values = np.random.default_rng(batch["id"][0]).random((len(batch["id"]), 512))
    return {"id": batch["id"], "values": values}


if not ray.is_initialized():
    ray.init(object_store_memory=SMALL)

store = GridCache("ray_data")
before = len(store)
source = ray.data.range(BLOCKS * ROWS, override_num_blocks=BLOCKS)
kept = gridcache.ray_data.spill(source.map_batches(measured))  # runs it


for number in range(2):
    started, total = time.perf_counter(), 0.0
    for batch in kept.iter_batches(batch_size=ROWS):
        total += batch["values"].sum()
    print(f"pass {number}: sum {total:.0f}, {time.perf_counter() - started:.2f} s")
    assert np.isclose(total, BLOCKS * ROWS * 512 / 2, rtol=0.01)

print(len(store) - before, "entries more in", store.path)
assert len(store) - before >= BLOCKS
assert "spill" not in str(gridcache.ray_data.names())  # it has no name

# What was kept goes with the last dataset that is made of it.
del kept
gc.collect()
while len(store) > before:
    time.sleep(0.05)
print("all of it is free again")
