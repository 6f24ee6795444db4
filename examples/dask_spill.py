"""Dask workers whose memory is full spill to the machine's store, then to disk.

Registered on a running cluster; Dask's own limits, figures and dashboard stay.
"""

import time

import dask
import dask.array as da
import numpy as np
from dask.distributed import Client, LocalCluster

from gridcache.dask import RecoveryPlugin, SpillPlugin
from gridcache.dask.spill import spilled

# So that 20 MB of values are too much for a worker: a laptop need not be full for this.
SMALL = {
    "distributed.worker.memory.target": 0.02,
    "distributed.worker.memory.spill": False,
}


def main(client: Client) -> None:
    """Compute more than the workers may keep."""
    client.register_plugin(SpillPlugin(max_bytes="100MB"))  # on a running cluster
    client.register_plugin(RecoveryPlugin())

    numbers = da.random.default_rng(1).random(12_000_000, chunks=250_000).persist()
    total = float(numbers.sum().compute())
    assert np.isclose(total, 6_000_000, rtol=0.001)

    figures = spilled(client)
    print(figures)
    in_store = sum(worker.grid_own_bytes for worker in figures.values())
    assert in_store > 0
    assert sum(worker.disk_bytes for worker in figures.values()) == 0
    print(f"{numbers.nbytes:,} bytes, {in_store:,} of them in the store")

    del numbers  # frees what was spilled, as soon as Dask's scheduler has heard of it
    while any(worker.grid_own_bytes for worker in spilled(client).values()):
        time.sleep(0.05)
    print("all of it is free again")


if __name__ == "__main__":
    with (
        dask.config.set(SMALL),
        LocalCluster(
            n_workers=2, processes=False, memory_limit="1GB", dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        main(client)
