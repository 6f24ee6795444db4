"""Ray Client: Ray Data does not run on it, and we say so and what to do."""

import pytest

from gridcache.published.handle import Handle
from tests.cluster.kit.ray_cluster import RayCluster
from tests.ray_data.kit.drivers import Driver

pytestmark = pytest.mark.ray


def test_who_is_connected_by_ray_client_is_told_of_ray_jobs(
    ray_data: RayCluster,
) -> None:
    with Driver("by_client", ray_data, Handle("unused")) as other:
        for _ in ("the sink", "persist", "load"):
            said = other.hear()
            assert said.startswith("ConfigError Ray Data does not run over Ray Client")
            assert "ray job submit" in said
