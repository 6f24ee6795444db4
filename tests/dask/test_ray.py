"""Dask on Ray: the same as on Dask's own schedulers."""

from collections.abc import Iterator
from typing import Any

import dask
import dask.base
import pytest

import gridcache.dask
from gridcache import GridCache
from gridcache.published.handle import Handle, close_all
from tests.cluster.kit.ray_cluster import RayCluster
from tests.dask.kit.collections import KINDS, array, assert_same
from tests.dask.kit.notes import Log

pytestmark = pytest.mark.ray

persist, load = gridcache.dask.persist, gridcache.dask.load


@pytest.fixture
def on_ray(ray_cluster: RayCluster) -> Iterator[Any]:
    """The scheduler, in use."""
    with pytest.MonkeyPatch.context() as patch:
        # Importing it gives every collection another persist.
        for owner in (dask, dask.base, dask.base.DaskMethodsMixin):
            patch.setattr(owner, "persist", vars(owner)["persist"])
        from ray.util.dask import ray_dask_get  # noqa: PLC0415

        with dask.config.set(scheduler=ray_dask_get):
            yield ray_dask_get
    close_all()


@pytest.mark.parametrize("kind", ["array", "dataframe", "bag", "delayed"])
def test_each_partition_is_computed_once_and_comes_back_as_it_was(
    kind: str, on_ray: Any, cache: GridCache, log: Log
) -> None:
    wanted = KINDS[kind](log).compute(scheduler="sync")
    computed = log.count
    log.clear()
    kept = persist(KINDS[kind](log), "it", cache=cache)
    assert log.count == computed
    assert_same(kept.compute(), wanted)
    assert_same(load("it", cache=cache).compute(scheduler="sync"), wanted)
    persist(KINDS[kind](log), "it", cache=cache)
    assert log.count == computed


def test_the_error_of_the_user_s_function_reaches_the_user(
    on_ray: Any, cache: GridCache, log: Log
) -> None:
    broken = array(log).map_blocks(_fails, dtype=float)
    with pytest.raises(ZeroDivisionError, match="the user's"):
        persist(broken, "it", cache=cache)
    assert gridcache.dask.names(cache=cache) == []


def _fails(block: Any) -> Any:
    if block.size:
        message = "the user's"
        raise ZeroDivisionError(message)
    return block


def test_in_a_grid_any_node_s_tasks_store_and_load(
    on_ray: Any, grid: Any, log: Log
) -> None:
    handle = Handle("dask-on-ray", grid=grid.name)
    kept = persist(array(log), "it", cache=handle)
    assert float(kept.sum().compute()) == 2016
    assert float(kept.sum().compute(scheduler="sync")) == 2016
    assert gridcache.dask.release("it", cache=handle) == 64 * 8
