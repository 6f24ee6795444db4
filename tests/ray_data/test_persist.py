"""persist: a pipeline runs once, whoever asks for it."""

import warnings
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray.data
import ray.exceptions

from gridcache.errors import CacheWarning, ConfigError, NameInUseError
from gridcache.published.handle import Handle
from gridcache.ray_data.catalog import info, names
from gridcache.ray_data.persisting import persist
from gridcache.ray_data.reading import load
from tests.cluster.kit.ray_cluster import RayCluster
from tests.ray_data.kit.blocks import dataset_of, numbers
from tests.ray_data.kit.drivers import Driver
from tests.ray_data.kit.notes import Gate, Notes
from tests.ray_data.kit.pipelines import late_first, noted, total
from tests.ray_data.kit.placed import ids

pytestmark = pytest.mark.ray


def test_another_job_reads_and_runs_no_user_function(
    ray_data: RayCluster, handle: Handle, notes: Notes
) -> None:
    kept = persist(noted(notes), "it", cache=handle, version="1")
    assert notes.count == 4
    assert kept.sum("id") == total()
    with Driver("persisting", ray_data, handle, notes.path) as other:
        other.hear("80")
        other.hear(str(total()))
    again = persist(noted(notes), "it", cache=handle, version="1")
    assert again.count() == 80
    assert notes.count == 4


def test_what_is_whole_is_not_run_and_what_was_released_is(
    local: Handle, notes: Notes
) -> None:
    persist(noted(notes), "it", cache=local, version="1")
    local.cache.delete_many([some_part(local)])
    persist(noted(notes), "it", cache=local, version="1")
    assert notes.count == 8
    assert info("it", cache=local).complete


def some_part(handle: Handle) -> Any:
    """Key of some part."""
    return next(iter(handle.cache.keys("part:it:")))


def test_a_name_stands_for_one_version_and_one_plan(
    local: Handle, notes: Notes
) -> None:
    persist(numbers(8, 2), "it", cache=local, version="1")
    with pytest.raises(NameInUseError, match="with version='1', not '2'") as raised:
        persist(noted(notes), "it", cache=local, version="2")
    for cure in ("load('it')", "overwrite=True", "release('it')", "another name"):
        assert cure in str(raised.value)
    with pytest.raises(NameInUseError, match="for another plan"):
        persist(numbers(9, 2), "it", cache=local, version="1")
    assert load("it", cache=local).count() == 8
    assert notes.count == 0


def test_overwriting_replaces_what_there_is(local: Handle, notes: Notes) -> None:
    before = persist(numbers(8, 2), "it", cache=local, version="1")
    kept = persist(noted(notes), "it", cache=local, version="2", overwrite=True)
    assert notes.count == 4
    assert kept.sum("id") == total()
    assert info("it", cache=local).version == "2"
    assert len(list(local.cache.keys("part:it:"))) == 4
    # The other is not what this one was made of.
    with pytest.raises(NameInUseError, match="version='2', not '1'"):
        before.take(1)


def test_the_order_of_rows_is_kept_where_that_is_asked(
    handle: Handle, tmp_path: Path
) -> None:
    source = late_first(Gate(tmp_path / "gate"))
    kept = persist(source, "it", cache=handle, ordered=True, version="1")
    wanted = [{"id": number} for number in range(80)]
    assert kept.take_all() == wanted
    assert (
        load("it", cache=handle, ordered=True).map(lambda row: row).take_all() == wanted
    )
    assert not source.context.execution_options.preserve_order


def test_of_a_plan_that_cannot_be_told_the_name_decides_which_is_said_once(
    local: Handle,
) -> None:
    # Which Ray block is the first is chance.
    source = numbers(6, 2).materialize()
    with pytest.warns(CacheWarning, match="'untold' and its version decide"):
        persist(source, "untold", cache=local)
    with warnings.catch_warnings(action="error"):
        kept = persist(source, "untold", cache=local)
        assert kept.count() == 6


def test_an_empty_dataset_and_empty_ray_blocks_are_kept(local: Handle) -> None:
    def big(batch: Any) -> Any:
        return {"id": batch["id"][batch["id"] > 100]}

    empty = persist(numbers(8, 2).map_batches(big), "empty", cache=local)
    assert empty.count() == 0
    assert empty.take_all() == []
    assert load("empty", cache=local).schema().names == ["id"]
    holey = dataset_of(ids(0, 0), ids(0, 3), ids(0, 0), ids(3, 5))
    kept = persist(holey, "holey", cache=local, ordered=True, version="1")
    assert kept.take_all() == [{"id": number} for number in range(5)]


def test_what_fails_publishes_nothing(local: Handle) -> None:
    def fails(batch: Any) -> Any:
        message = "the user's"
        raise ZeroDivisionError(message)

    with pytest.raises(ray.exceptions.RayTaskError, match="the user's"):
        persist(numbers(8, 2).map_batches(fails), "it", cache=local)
    assert names(cache=local) == []


@pytest.mark.parametrize("swapped", [[1, 2], "name"])
def test_what_is_no_dataset_is_refused_as_that(swapped: Any, local: Handle) -> None:
    with pytest.raises(ConfigError, match=f"not a {type(swapped).__name__}"):
        persist(swapped, "it", cache=local)


def test_more_copies_than_a_store_has_are_refused_before_anything_runs(
    local: Handle, notes: Notes
) -> None:
    with pytest.raises(ConfigError, match="needs a grid"):
        persist(noted(notes), "it", cache=local, replicas=2)
    assert notes.count == 0


def test_rays_object_store_holds_little_of_what_was_persisted(
    ray_data: RayCluster, handle: Handle
) -> None:
    def grow(batch: Any) -> Any:
        return {"id": batch["id"], "text": [b"x" * 100_000] * len(batch["id"])}

    before = in_object_store()
    source = ray.data.range(160, override_num_blocks=16).map_batches(grow)
    kept = persist(source, "it", cache=handle, version="1")
    nbytes = info("it", cache=handle).nbytes
    assert nbytes > 15_000_000
    assert in_object_store() - before < nbytes / 10
    assert kept.count() == 160
    assert pa.schema(kept.schema().base_schema).names == ["id", "text"]


def in_object_store() -> int:
    """Bytes in Ray's object store, on all nodes."""
    from ray._private.internal_api import (  # noqa: PLC0415 - of Ray's, for tests
        get_memory_info_reply,
        get_state_from_address,
    )

    address = ray.get_runtime_context().gcs_address
    ask: Any = get_memory_info_reply
    state: Any = get_state_from_address
    reply = ask(state(address))
    return int(reply.store_stats.object_store_bytes_used)
