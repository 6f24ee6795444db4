"""The cache of whoever follows a page: the default one, empty, on the tests' cluster.

Page, examples and notebook run in this process: its workers are there already, and to
start a Ray for each would take longer than all that they show. `test_alone.py` runs
them as users do.
"""

from collections.abc import Iterator

import pytest

from gridcache import GridCache
from tests.cluster.kit.ray_cluster import RayCluster

CAPACITY = "256MiB"
"""The spilling example needs more than the cluster's nodes get."""


@pytest.fixture
def reader(ray_data: RayCluster) -> Iterator[GridCache]:
    """Somebody who has nothing yet."""
    assert ray_data.address
    with GridCache("ray_data") as cache:
        before = cache.stats().store.capacity_nbytes
        cache.resize(CAPACITY)
        yield cache
        cache.clear()
        cache.resize(before)
