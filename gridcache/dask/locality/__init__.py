"""Locality: partitions are read by a worker on the node that stored them.

The task that reads a partition says which node stored it (`fetch_partition(...,
near)`). A plugin of the scheduler (`plugin`) finds such tasks in each new graph, also
inside fused ones (`reads`), and prefers the workers of that node for them; it is only
a preference: other workers take them where those are gone, or steal them where those
are busy. Clients install it (`prefer`), by the way.

Nodes are compared by the names their grid gives them, never by addresses: one host
has many. Without a grid there is one node, and nothing to prefer.
"""

from gridcache.dask.locality.prefer import aprefer_near, prefer_near

__all__ = ["aprefer_near", "prefer_near"]
