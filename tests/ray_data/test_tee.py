"""Tee: an epoch streams, and its dataset is published when all of it has passed."""

import time
from pathlib import Path
from typing import Any

import pytest
from ray.data.expressions import col

from gridcache.errors import CacheWarning, NameInUseError
from gridcache.published.handle import Handle
from gridcache.ray_data.catalog import release
from gridcache.ray_data.epochs import tee
from gridcache.ray_data.epochs.fill import UNFINISHED_S
from gridcache.ray_data.manifest import read
from tests.ray_data.kit.blocks import KINDS, dataset_of, numbers, plain
from tests.ray_data.kit.notes import Gate, Notes, die_once
from tests.ray_data.kit.streams import Batch, counted, ids, is_published, noting
from tests.ray_data.kit.written import ids_of, in_pieces, rows_of, texts_of

pytestmark = pytest.mark.ray

ALL = list(range(80))


def test_the_second_epoch_runs_no_user_function(handle: Handle, notes: Notes) -> None:
    streaming = tee(counted(notes), "it", cache=handle)
    assert not is_published(handle)
    assert ids(streaming) == ALL
    assert notes.count == 4
    assert ids(streaming) == ALL
    assert ids(tee(counted(notes), "it", cache=handle)) == ALL
    assert notes.count == 4


def test_what_is_published_is_in_order_pinned_and_nothing_else_is_left(
    handle: Handle, notes: Notes
) -> None:
    ids(tee(counted(notes), "it", cache=handle))
    manifest = read(handle.cache, "it")
    # Before they are read here, which makes copies that are not pinned.
    found = [handle.cache.info(text) for text in manifest.texts]
    in_years = time.time() + 2 * UNFINISHED_S
    assert all(one and one.pinned for one in found)
    assert all(one and (one.expires or in_years) >= in_years for one in found)
    assert ids_of(manifest, handle) == ALL
    assert texts_of(handle) == sorted(manifest.texts)


def test_rows_reach_the_trainer_before_the_epoch_is_over(
    handle: Handle, tmp_path: Path
) -> None:
    gate = Gate(tmp_path / "gate")

    def waits(batch: Batch) -> None:
        if 19 in batch["id"]:
            gate.wait()

    source = in_pieces(waits, rows=20, blocks=1)
    streaming = tee(source, "it", cache=handle)
    batches = iter(streaming.iter_batches(batch_size=5, prefetch_batches=0))
    assert len(next(batches)["id"]) == 5
    assert not is_published(handle)
    gate.open()
    assert sum(len(batch["id"]) for batch in batches) == 15
    assert is_published(handle)


@pytest.mark.parametrize("kind", KINDS)
def test_ray_blocks_of_every_kind_pass_and_come_back(kind: str, handle: Handle) -> None:
    source = dataset_of(KINDS[kind]())
    expected = plain(source.take_all())
    streaming = tee(source, "it", cache=handle)
    assert plain(streaming.iter_rows()) == expected
    assert rows_of(read(handle.cache, "it"), handle) == expected


# -- what is not whole -------------------------------------------------------------


def look(dataset: Any) -> None:
    """One row of one that was pulled."""
    assert len(dataset.take(1)) == 1


def limit(dataset: Any) -> None:
    assert dataset.limit(25).count() == 25


def leave(dataset: Any) -> None:
    next(iter(dataset.iter_batches(batch_size=5, prefetch_batches=0)))


@pytest.mark.parametrize("cut", [look, limit, leave])
def test_an_epoch_that_is_cut_short_publishes_nothing(
    cut: Any, handle: Handle, notes: Notes
) -> None:
    streaming = tee(counted(notes, 800, 40), "it", cache=handle)
    cut(streaming)
    assert notes.count < 40
    assert not is_published(handle)


def test_a_limit_before_the_tee_is_a_part_of_the_dataset(
    handle: Handle, notes: Notes
) -> None:
    streaming = tee(counted(notes).limit(25), "it", cache=handle)
    assert len(ids(streaming)) == 25
    assert read(handle.cache, "it").rows == 25


def test_a_failure_reaches_the_user_and_publishes_nothing(
    handle: Handle, notes: Notes
) -> None:
    def fails(batch: Batch) -> None:
        if 70 in batch["id"]:
            message = "the user's"
            raise ZeroDivisionError(message)

    streaming = tee(counted(notes, then=fails), "it", cache=handle)
    with pytest.raises(Exception, match="the user's"):
        ids(streaming)
    assert not is_published(handle)


def test_an_epoch_that_goes_on_without_what_failed_is_not_whole(
    handle: Handle, notes: Notes
) -> None:
    def fails(batch: Batch) -> None:
        assert 70 not in batch["id"]

    source = counted(notes, then=fails)
    source.context.max_errored_blocks = 1
    assert ids(tee(source, "it", cache=handle)) == list(range(60))
    assert not is_published(handle)


def test_a_worker_that_is_killed_neither_doubles_nor_drops_rows(
    handle: Handle, tmp_path: Path
) -> None:
    def dies(batch: Batch) -> None:
        if 30 in batch["id"]:
            die_once(tmp_path / "died")

    source = in_pieces(dies, rows=80, blocks=4)
    assert ids(tee(source, "it", cache=handle)) == ALL
    assert ids_of(read(handle.cache, "it"), handle) == ALL


def test_a_cache_without_room_lets_rows_pass_and_says_so(
    local: Handle, notes: Notes
) -> None:
    local.cache.resize("4MiB")

    def wide(batch: Batch) -> Batch:
        return batch | {"wide": [bytes(40_000)] * len(batch["id"])}

    source = counted(notes, 400, 8).map_batches(wide)
    with pytest.warns(CacheWarning, match="was not kept as a whole"):
        assert ids(tee(source, "it", cache=local)) == list(range(400))
    assert not is_published(local)


# -- what stands under the name ------------------------------------------------------


def test_another_version_under_the_name_is_refused(
    handle: Handle, notes: Notes
) -> None:
    ids(tee(counted(notes), "it", cache=handle, version="1"))
    with pytest.raises(NameInUseError, match="version='1'"):
        tee(counted(notes), "it", cache=handle, version="2")


def test_who_finds_another_version_at_the_end_leaves_it_and_says_so(
    handle: Handle, notes: Notes
) -> None:
    mine = tee(counted(notes), "it", cache=handle, version="1")
    ids(tee(counted(notes), "it", cache=handle, version="2"))
    with pytest.warns(CacheWarning, match="version='2'"):
        assert ids(mine) == ALL
    assert read(handle.cache, "it").version == "2"


def test_a_name_that_is_released_is_filled_again(handle: Handle, notes: Notes) -> None:
    streaming = tee(counted(notes), "it", cache=handle)
    ids(streaming)
    release("it", cache=handle)
    assert ids(streaming) == ALL
    assert notes.count == 8
    assert is_published(handle)


def test_a_dataset_that_lost_a_part_is_made_again(handle: Handle, notes: Notes) -> None:
    streaming = tee(counted(notes), "it", cache=handle)
    ids(streaming)
    handle.cache.delete_many([read(handle.cache, "it").texts[0]])
    assert ids(streaming) == ALL
    assert ids_of(read(handle.cache, "it"), handle) == ALL
    assert notes.count == 8


# -- where in a pipeline -----------------------------------------------------------------


def test_what_follows_sees_the_same_in_both_epochs(
    handle: Handle, notes: Notes
) -> None:
    after = tee(counted(notes), "it", cache=handle).map_batches(
        lambda batch: {"id": batch["id"] + 1}
    )
    assert ids(after) == ids(after) == list(range(1, 81))
    assert notes.count == 4


def test_a_filter_or_a_choice_of_columns_that_follows_cuts_nothing_that_is_kept(
    handle: Handle,
) -> None:
    source = numbers().with_column("twice", col("id") * 2)
    streaming = tee(source, "it", cache=handle)
    assert streaming.filter(expr=col("id") < 10).select_columns(["id"]).count() == 10
    kept = rows_of(read(handle.cache, "it"), handle)
    assert [row["twice"] for row in kept] == list(range(0, 160, 2))


@pytest.mark.parametrize(
    "before",
    ["union", "repartition", "shuffle", pytest.param("actors", marks=pytest.mark.soak)],
)
def test_it_stands_behind_whatever_makes_ray_blocks(
    before: str, handle: Handle, notes: Notes
) -> None:
    class Model:
        def __call__(self, batch: Batch) -> Batch:
            return batch

    source = counted(notes, 40, 2)
    source = {
        "union": lambda: source.union(numbers(120, 4).filter(expr=col("id") >= 80)),
        "repartition": lambda: source.repartition(3),
        "shuffle": source.random_shuffle,
        "actors": lambda: source.map_batches(Model, concurrency=1),
    }[before]()
    streaming = tee(source, "it", cache=handle, version="1")
    first = ids(streaming)
    assert ids(streaming) == first
    assert sorted(ids_of(read(handle.cache, "it"), handle)) == first
    assert notes.count == 2


def test_an_empty_dataset_and_ray_blocks_without_rows_are_whole(handle: Handle) -> None:
    some = numbers().filter(expr=col("id") < 10)
    assert ids(tee(some, "some", cache=handle)) == list(range(10))
    none = tee(numbers().filter(expr=col("id") < 0), "none", cache=handle)
    assert ids(none) == ids(none) == []
    manifest = read(handle.cache, "none")
    assert (manifest.parts, manifest.loaded_schema().names) == ((), ["id"])


def test_two_tees_in_one_pipeline_fill_both_names(handle: Handle, notes: Notes) -> None:
    first = tee(counted(notes), "first", cache=handle)
    second = tee(first.map_batches(noting(notes)), "second", cache=handle, version="1")
    assert ids(second) == ids(second) == ALL
    assert notes.count == 8
    assert is_published(handle, "first")
    assert is_published(handle, "second")
