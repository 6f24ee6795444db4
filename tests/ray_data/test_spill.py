"""Intermediate results in the grid: there as long as somebody reads them."""

import gc
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import ray.data

from gridcache.bench.ray_data.usage import usage
from gridcache.cluster.actors.simulated import LEAST_OBJECT_STORE_NBYTES
from gridcache.errors import ConfigError
from gridcache.published.handle import Handle
from gridcache.ray_data.catalog import names
from gridcache.ray_data.plans import plan_digest
from gridcache.ray_data.spilling import spill
from tests.cluster.kit.ray_cluster import RayCluster, wait_until
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.drivers import Driver
from tests.ray_data.kit.notes import Notes

pytestmark = pytest.mark.ray


def keys(handle: Handle) -> list[str]:
    return sorted(handle.cache)


def ids(dataset: Any) -> list[int]:
    return [row["id"] for row in dataset.take_all()]


def wait_until_empty(handle: Handle) -> None:
    def empty() -> bool:
        gc.collect()  # datasets are in circles
        return not keys(handle)

    wait_until(empty, lambda: str(keys(handle)))


@pytest.fixture
def empty(handle: Handle) -> Iterator[Handle]:
    """A namespace that is to be as empty after the test as before."""
    yield handle
    wait_until_empty(handle)


def test_a_dataset_is_run_once_and_read_as_often_as_wanted(
    empty: Handle, notes: Notes
) -> None:
    def noted(batch: Any) -> Any:
        notes.note()
        return batch

    spilled = spill(numbers(40, 4).map_batches(noted, batch_size=None), cache=empty)
    ran = notes.count
    assert ran >= 4
    assert sorted(ids(spilled)) == list(range(40))
    assert sorted(ids(spilled.map(lambda row: row))) == list(range(40))
    assert (spilled.count(), notes.count) == (40, ran)
    assert names(cache=empty) == []


def test_what_reads_it_keeps_it(empty: Handle) -> None:
    spilled = spill(numbers(40, 4), cache=empty)
    there = keys(empty)
    derived = spilled.map(lambda row: {"id": row["id"] + 1})
    both = spilled.union(derived)
    del spilled, derived
    gc.collect()
    assert sorted(ids(both)) == sorted([*range(40), *range(1, 41)])
    assert keys(empty) == there


def test_an_iterator_that_has_begun_keeps_it(empty: Handle) -> None:
    spilled = spill(numbers(40, 4), cache=empty)
    batches = iter(spilled.iter_batches(batch_size=5))
    found = list(next(batches)["id"])
    del spilled
    gc.collect()
    found += [one for batch in batches for one in batch["id"]]
    assert sorted(found) == list(range(40))


def test_a_part_of_a_pipeline_after_another_is_spilled(empty: Handle) -> None:
    first = spill(numbers(20, 2), cache=empty)
    second = spill(first.map(lambda row: {"id": row["id"] * 2}), cache=empty)
    count = len(keys(empty))
    del first
    wait_until(lambda: bool(gc.collect() or len(keys(empty)) < count))
    assert sorted(ids(second)) == list(range(0, 40, 2))


def test_rows_keep_their_order_if_that_is_wanted(empty: Handle) -> None:
    def slow_at_first(batch: Any) -> Any:
        time.sleep(0.3 if 0 in batch["id"] else 0)
        return batch

    slow = numbers(40, 4).map_batches(slow_at_first, batch_size=None)
    assert ids(spill(slow, cache=empty, ordered=True)) == list(range(40))


def test_no_rows_are_no_rows(empty: Handle) -> None:
    assert ids(spill(numbers(0), cache=empty)) == []
    nothing = numbers(20, 2).filter(expr=ray.data.expressions.col("id") > 99)
    assert ids(spill(nothing, cache=empty)) == []


def test_a_failure_leaves_nothing(empty: Handle) -> None:
    def fails(batch: Any) -> Any:
        if 0 in batch["id"]:
            message = "of the user's"
            raise ValueError(message)
        return batch

    with pytest.raises(ray.exceptions.RayTaskError, match=r"of the user.s"):
        spill(numbers(40, 4).map_batches(fails), cache=empty)
    with pytest.raises(TypeError, match="not a list"):
        spill([1, 2], cache=empty)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="compression"):
        spill(numbers(), cache=empty, compression="zip")


def test_its_plan_is_that_of_what_it_was_made_of(empty: Handle) -> None:
    def derived() -> Any:
        return spill(numbers(20, 2), cache=empty).limit(3)

    assert plan_digest(derived()) is not None
    assert plan_digest(derived()) == plan_digest(derived())
    assert plan_digest(derived()) != plan_digest(spill(numbers(21, 2), cache=empty))


def test_more_than_ray_has_room_for_is_never_spilled_by_ray(
    empty: Handle, ray_data: RayCluster
) -> None:
    nodes, rows, row_nbytes = 2, 48, 4 << 20
    assert rows * row_nbytes > nodes * LEAST_OBJECT_STORE_NBYTES

    def large(row: Any) -> Any:
        seeded = np.random.default_rng(row["id"])
        return {"id": row["id"], "x": seeded.integers(0, 4, row_nbytes // 8)}

    before = usage(ray_data.address).spilled_nbytes
    spilled = spill(numbers(rows, 24).map(large), cache=empty, compression="lz4")
    assert spilled.size_bytes() >= rows * row_nbytes
    used = usage(ray_data.address).used_nbytes
    for _ in range(2):
        means = spilled.map(lambda row: {"mean": row["x"].mean()}).take_all()
        assert [round(row["mean"], 1) for row in means] == [1.5] * rows
    assert used < rows * row_nbytes // 10
    assert usage(ray_data.address).spilled_nbytes == before


@pytest.mark.parametrize(
    "ending", [pytest.param("its end", marks=pytest.mark.soak), "a kill"]
)
def test_nothing_outlives_its_driver(
    handle: Handle, ray_data: RayCluster, ending: str
) -> None:
    tenure_s = 3.0 if ending == "a kill" else 120.0
    with Driver("spilling", ray_data, handle, tenure_s) as driver:
        driver.hear(str(sum(range(40))))
        assert keys(handle)
        if ending == "a kill":
            driver.kill()
            wait_until(lambda: not keys(handle), lambda: str(keys(handle)))
        else:
            assert driver.wait() == 0
            assert not keys(handle)
