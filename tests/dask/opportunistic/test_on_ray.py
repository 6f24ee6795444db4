"""Dask on Ray: tasks of Ray keep what is worth it and find it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask
import pytest
from dask.base import compute
from dask.delayed import delayed

from gridcache import GridCache
from gridcache.dask import cached
from tests.cluster.kit.ray_cluster import RayCluster
from tests.dask.kit.collections import array, assert_same, frame
from tests.dask.kit.notes import Log, noted
from tests.dask.opportunistic.kit import ALL

pytestmark = pytest.mark.ray


@pytest.fixture
def on_ray(ray_cluster: RayCluster) -> Callable[..., Any]:
    from ray.util.dask import ray_dask_get  # noqa: PLC0415 - imports Ray

    assert ray_cluster is not None
    return ray_dask_get


def test_a_second_run_computes_nothing(
    cache: GridCache, tmp_path: Path, on_ray: Callable[..., Any]
) -> None:
    log = Log(tmp_path / "log")
    wanted = array(log).sum().compute(), frame(log).compute()
    log.clear()
    for computed in (8, 8):
        with dask.config.set(scheduler=on_ray), cached(cache, **ALL) as stats:
            found = array(log).sum().compute(), frame(log).compute()
        for one, other in zip(found, wanted, strict=True):
            assert_same(one, other)
        assert log.count == computed
    assert stats.hits == 2
    assert stats.misses == 0


def test_what_was_evicted_meanwhile_is_computed(
    cache: GridCache, tmp_path: Path, on_ray: Callable[..., Any]
) -> None:
    log = Log(tmp_path / "log")
    parts = [delayed(noted, pure=True)(n, str(log.path)) for n in range(3)]
    evicted: list[str] = []

    def evicting(dsk: Any, keys: Any, **options: Any) -> Any:
        if not evicted:
            evicted.extend(list(cache.keys("auto:"))[:1])
            cache.delete_many(evicted)
        return on_ray(dsk, keys, **options)

    with cached(cache, scheduler=on_ray, **ALL):
        compute(*parts)
    with cached(cache, scheduler=evicting, **ALL):
        assert delayed(sum, pure=True)(parts).compute() == 3
    assert log.count == 4
