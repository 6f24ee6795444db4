"""Memory blocks anywhere in a grid, by id.

::

    from gridcache.pool import DistributedMemoryPool

    async with DistributedMemoryPool() as pool:
        block_id = await pool.allocate(10 * 1024**3, preferred_node="gpu2")
        await pool.write(block_id, b"data")
        await pool.read(block_id, 4)

===============  =============================================================
`asynchronous`   `DistributedMemoryPool`: each call in a thread
`synchronous`    its twin for plain code, which does the work
`opened`         what it works with between its two ends
`placing`        which node a block goes to
`finding`        which node a block is on
`batches`        the same for many blocks, each node asked once
`parallel`       several nodes at once
`ids`            `block_<n>_<node>`, and what people see of a block
`arguments`      what people give and get, in their words
`joining`        from a configuration to the nodes
===============  =============================================================
"""

from gridcache.pool.asynchronous import DistributedMemoryPool
from gridcache.pool.ids import MemoryBlock
from gridcache.pool.synchronous import SyncDistributedMemoryPool

__all__ = ["DistributedMemoryPool", "MemoryBlock", "SyncDistributedMemoryPool"]
