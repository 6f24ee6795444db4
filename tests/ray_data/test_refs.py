"""Values between Ray's object store and the grid."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import ray

from gridcache import GridCache
from gridcache.cluster.actors.ray_nodes import here_id, pinned, ray_machines
from gridcache.errors import ConfigError, ImmutableKeyError, KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.holders import far_holder
from gridcache.ray_data.refs import get_ref, put_ref
from tests.cluster.kit.ray_cluster import RayCluster

pytestmark = pytest.mark.ray

LARGE = 6 << 20
"""Bytes of a value that a task copies where it lies."""


@pytest.fixture
def there(ray_data: RayCluster) -> str:
    """Ray's id of the node that this process is not on."""
    return next(
        one.node_id for one in ray_machines() if one.alive and one.node_id != here_id()
    )


def made(node: str, work: Callable[..., Any], *args: Any) -> "ray.ObjectRef[Any]":
    """A reference to what a task on a node returns."""
    task: Any = ray.remote(num_cpus=0, max_retries=0)(work)
    ref: ray.ObjectRef[Any] = task.options(scheduling_strategy=pinned(node)).remote(
        *args
    )
    return ref


def ones(nbytes: int) -> Any:
    return np.ones(nbytes, np.uint8)


def table(rows: int) -> Any:
    return pa.table({"id": np.arange(rows), "word": ["x"] * rows})


def fails() -> None:
    message = "of the task"
    raise ValueError(message)


def total(value: Any) -> int:
    return int(value.sum())


def node_of_task(value: Any) -> tuple[int, str]:
    return len(value), here_id()


def places(ref: "ray.ObjectRef[Any]") -> set[str]:
    ray.wait([ref], fetch_local=False)
    return set(ray.experimental.get_object_locations([ref])[ref]["node_ids"])


@pytest.mark.parametrize("nbytes", [10, 200_000, LARGE])
def test_a_value_goes_to_the_grid_and_back(
    handle: Handle, there: str, nbytes: int
) -> None:
    for node in (here_id(), there):
        put_ref(("at", node), made(node, ones, nbytes), cache=handle)
        assert total(handle.cache["at", node]) == nbytes
        ref = get_ref(("at", node), cache=handle)
        assert ray.get(made(there, total, ref)) == nbytes
        assert total(ray.get(ref)) == nbytes


def test_a_large_value_is_copied_on_the_node_that_has_it(
    handle: Handle, there: str
) -> None:
    ref = made(there, ones, LARGE)
    put_ref("far", ref, cache=handle, immutable=True)
    assert places(ref) == {there}
    assert far_holder(handle, "far") == there
    assert places(get_ref("far", cache=handle)) == {there}

    near = ray.put(ones(LARGE))
    put_ref("near", near, cache=handle, immutable=True)
    assert far_holder(handle, "near") == ""
    assert places(get_ref("near", cache=handle)) == {here_id()}


def test_a_table_stays_a_table(handle: Handle, there: str) -> None:
    put_ref("table", made(there, table, 400_000), cache=handle, immutable=True)
    assert handle.cache["table"].equals(table(400_000))
    assert ray.get(get_ref("table", cache=handle)).equals(table(400_000))


def test_options_are_those_of_a_put(handle: Handle, there: str) -> None:
    for node in (here_id(), there):
        ref = made(node, ones, LARGE)
        put_ref(node, ref, cache=handle, pin=True, ttl="1h", tags=["mine"])
        found = handle.cache.info(node)
        assert found is not None
        assert (found.pinned, found.tags) == (True, ("mine",))
        assert found.expires is not None
        with pytest.raises(TypeError, match="colour"):
            put_ref(node, ref, cache=handle, colour="red")


def test_an_error_of_the_task_is_raised_and_nothing_is_stored(
    handle: Handle, there: str
) -> None:
    with pytest.raises(ValueError, match="of the task"):
        put_ref("key", made(there, fails), cache=handle)
    assert "key" not in handle.cache


def test_an_error_of_the_store_is_raised_wherever_it_is(
    handle: Handle, there: str
) -> None:
    for node in (here_id(), there):
        put_ref(node, made(node, ones, LARGE), cache=handle, immutable=True)
        other = made(node, ones, LARGE + 1)
        with pytest.raises(ImmutableKeyError):
            put_ref(node, other, cache=handle, immutable=True)
        assert total(handle.cache[node]) == LARGE


def test_a_key_that_is_not_there_is_missed(handle: Handle) -> None:
    with pytest.raises(KeyNotFoundError, match="nothing"):
        get_ref("nothing", cache=handle)


def test_a_store_without_a_grid_is_written_by_this_process(
    local: Handle, there: str
) -> None:
    put_ref("key", made(there, ones, LARGE), cache=local)
    with GridCache("ray_data", path=local.path) as cache:
        assert total(cache["key"]) == LARGE
        assert total(ray.get(get_ref("key", cache=cache))) == LARGE


def test_a_value_that_is_not_made_yet_is_waited_for(handle: Handle, there: str) -> None:
    ref = made(there, ones, LARGE)
    put_ref("first", made(there, total, ref), cache=handle)
    assert handle.cache["first"] == LARGE


def test_another_kind_of_cache_is_refused(ray_data: RayCluster) -> None:
    with pytest.raises(ConfigError, match="cache="):
        get_ref("key", cache=3)  # type: ignore[arg-type]


def test_the_face_loads_no_ray() -> None:
    code = (
        "import sys, gridcache, gridcache.ray_data, gridcache.memoize; "
        "gridcache.ray_data.__all__; assert 'ray' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
