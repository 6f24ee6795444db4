"""Memory blocks on the nodes of a Ray cluster, written and read at an offset.

Joins the grid that runs here (`grid up`); without one it starts a Ray that ends with
this program. On a cluster: `DistributedMemoryPool("config/my-cluster-enhanced.yaml")`,
and `preferred_node="gpu2"` for the node.
"""

import asyncio

import numpy as np

import gridcache
from gridcache.errors import NoAvailableNodesError
from gridcache.helpers import DistributedMemoryHelper
from gridcache.pool import DistributedMemoryPool


def join() -> gridcache.Grid:
    """Join the grid of this machine, or bring one up."""
    try:
        return gridcache.connect()
    except NoAvailableNodesError:
        return gridcache.connect("local")


async def use(grid: gridcache.Grid) -> None:
    """Use a pool, the helper, and a key."""
    async with DistributedMemoryPool(grid) as pool:
        print("nodes", [node.name for node in await grid.anodes()])
        block_id = await pool.allocate(2**20)
        await pool.write(block_id, b"hello", offset=4096)
        print(block_id, await pool.read(block_id, 5, 4096))

        helper = DistributedMemoryHelper(pool)
        array = np.random.default_rng(0).random((1000, 1000))
        array_id = await helper.store_numpy_array(array)
        again = await helper.retrieve_numpy_array(array_id)
        print(array_id, again.shape, bool((again == array).all()))

        await helper.cache_large_data("features", array)
        cached = await helper.get_cached_data("features")
        print("features", cached.shape)

        stats = await pool.get_stats()
        print(stats["blocks"], "blocks,", stats["size_bytes"], "bytes")
        await pool.deallocate(block_id)


if __name__ == "__main__":
    with join() as joined:
        asyncio.run(use(joined))
