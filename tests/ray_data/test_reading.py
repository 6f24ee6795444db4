"""load: what Ray Data does with a dataset it does with one that is published."""

from typing import Any

import pytest
import ray

from gridcache.errors import KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.ray_data.reading import load
from gridcache.ray_data.snapshots import Snapshots
from tests.cluster.kit.ray_cluster import RayCluster
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.placed import ids, placed, stored

pytestmark = pytest.mark.ray


@pytest.fixture
def two_nodes(ray_data: RayCluster, handle: Handle) -> Handle:
    """Where "it" has rows of both nodes."""
    first, second = node_ids()
    blocks = [(one, ids(at, at + 10)) for at, one in enumerate([first, second] * 4)]
    placed(
        handle,
        "it",
        [(one, ids(at * 10, at * 10 + 10)) for at, (one, _) in enumerate(blocks)],
    )
    return handle


def node_ids() -> list[str]:
    """Of Ray's two nodes."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return sorted(one["NodeID"] for one in nodes if one["Alive"])


def test_count_and_schema_run_nothing(
    two_nodes: Handle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No execution begins."""
    monkeypatch.delattr(Snapshots, "begin")
    for ordered in (True, False):
        dataset = load("it", cache=two_nodes, ordered=ordered)
        assert dataset.count() == 80
        assert dataset.schema().names == ["id"]
        assert dataset.size_bytes() == 640


def test_in_order_or_as_they_are_ready_every_row_comes_once(two_nodes: Handle) -> None:
    in_order = load("it", cache=two_nodes, ordered=True)
    assert [row["id"] for row in in_order.iter_rows()] == [*range(80)]
    dataset = load("it", cache=two_nodes)
    got = [
        int(one) for batch in dataset.iter_batches(batch_size=7) for one in batch["id"]
    ]
    assert sorted(got) == [*range(80)]
    assert len(dataset.take(1)) == 1


def test_what_follows_a_read_works_as_ever(two_nodes: Handle) -> None:
    dataset = load("it", cache=two_nodes)
    both = dataset.union(numbers(5, 1)).map(lambda row: {"id": row["id"] + 1})
    assert both.sum("id") == sum(range(1, 81)) + sum(range(1, 6))
    halves = dataset.streaming_split(2, equal=False)
    count = ray.remote(num_cpus=0)(_rows)
    assert sum(ray.get([count.remote(one) for one in halves])) == 80


def _rows(iterator: Any) -> int:
    return sum(len(batch["id"]) for batch in iterator.iter_batches())


def test_a_dataset_is_read_in_another_task(two_nodes: Handle) -> None:
    total = ray.remote(num_cpus=0)(_total)
    assert ray.get(total.remote(load("it", cache=two_nodes))) == (80, sum(range(80)))


def _total(dataset: Any) -> tuple[int, int]:
    return dataset.count(), dataset.sum("id")


def test_each_execution_reads_what_the_name_stands_for_then(local: Handle) -> None:
    stored(local, "it", [ids(0, 3)])
    dataset = load("it", cache=local, ordered=True)
    assert dataset.take_all() == [{"id": one} for one in range(3)]
    stored(local, "it", [ids(3, 5), ids(5, 7)])
    assert dataset.count() == 4
    assert dataset.take_all() == [{"id": one} for one in range(3, 7)]


def test_all_reads_of_an_execution_see_one_manifest(local: Handle) -> None:
    first = stored(local, "it", [ids(0, 3)])
    snapshots = Snapshots(local, first)
    assert snapshots.begin(0) == first
    second = stored(local, "it", [ids(3, 5)])
    assert snapshots.begin(1) == first
    assert snapshots.begin(1) == second
    assert snapshots.begin(0) == second


def test_what_is_lost_is_said_before_anything_runs(local: Handle) -> None:
    manifest = stored(local, "it", [ids(0, 3), ids(3, 5)])
    dataset = load("it", cache=local).map(_never)
    del local.cache[manifest.parts[1].text]
    with pytest.raises(KeyNotFoundError, match="Ray block 1 of dataset 'it', stored"):
        dataset.materialize()


def _never(_: Any) -> Any:
    raise AssertionError
