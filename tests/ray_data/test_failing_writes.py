"""Writes that fail, die or are given up: nothing of them is left, and nothing half."""

import gc
import pickle
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ray.data.datasource.datasink import WriteResult

from gridcache.errors import (
    ClosedError,
    KeyNotFoundError,
    NameInUseError,
    NameNotFoundError,
)
from gridcache.published.handle import Handle
from gridcache.ray_data.datasink import GridDatasink, Written
from gridcache.ray_data.manifest import read
from tests.cluster.kit.ray_cluster import wait_until
from tests.ray_data.kit.blocks import numbers
from tests.ray_data.kit.notes import Notes, die_once
from tests.ray_data.kit.written import Piece, ids_of, in_pieces, texts_of, write

pytestmark = pytest.mark.ray

BLOCK = pa.table({"id": [1, 2, 3]})


def fails_at_30(batch: Piece) -> None:
    """A user's function that does not like one row."""
    if 30 in batch["id"]:
        message = "the user's"
        raise ZeroDivisionError(message)


def test_the_error_of_a_user_function_reaches_the_user_and_nothing_is_left(
    handle: Handle,
) -> None:
    with pytest.raises(Exception, match="the user's"):
        write(in_pieces(fails_at_30), handle)
    with pytest.raises(NameNotFoundError):
        read(handle.cache, "it")
    wait_until(lambda: list(handle.cache) == [], lambda: str(list(handle.cache)))


def test_what_stood_under_the_name_still_does_after_a_write_that_failed(
    handle: Handle,
) -> None:
    before = write(numbers(), handle)
    with pytest.raises(Exception, match="the user's"):
        write(in_pieces(fails_at_30), handle)
    assert read(handle.cache, "it") == before
    wait_until(lambda: texts_of(handle) == sorted(before.texts))
    assert ids_of(before, handle) == list(range(80))


def test_a_worker_that_is_killed_in_a_write_task_does_not_double_rows(
    handle: Handle, tmp_path: Path, notes: Notes
) -> None:
    killed = tmp_path / "killed"

    def dies(piece: Piece) -> None:
        notes.note(str(piece["id"][0]))
        if piece["id"][0] == 10:
            die_once(killed)

    manifest = write(in_pieces(dies), handle)
    assert killed.exists()
    # The first Ray blocks of the task were stored by both of its attempts.
    assert [notes.marks.count(one) for one in ("0", "5", "10", "15")] == [2, 2, 2, 1]
    assert sorted(ids_of(manifest, handle)) == list(range(40))
    assert texts_of(handle) == sorted(manifest.texts)


# -- a sink by hand ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Task:
    """What a sink asks of a task's context."""

    task_idx: int = 0


def begun(handle: Handle, **options: Any) -> GridDatasink:
    """A sink whose write has begun."""
    sink = GridDatasink("it", cache=handle, **options)
    sink.on_write_start()
    return sink


def completed(sink: GridDatasink, *written: Written) -> None:
    sink.on_write_complete(WriteResult(0, 0, list(written)))


def test_a_write_that_is_given_up_leaves_nothing(handle: Handle) -> None:
    """As by Ctrl-C, of which Ray Data tells its sinks nothing."""
    sink = begun(handle)
    sink.write([BLOCK], Task())
    assert len(texts_of(handle)) == 1
    gone = weakref.ref(sink)
    del sink
    gc.collect()
    assert gone() is None
    wait_until(lambda: list(handle.cache) == [], lambda: str(list(handle.cache)))


def test_a_sink_that_writes_again_drops_what_it_had_begun(handle: Handle) -> None:
    sink = begun(handle)
    sink.write([BLOCK], Task())
    sink.on_write_start()
    (second,) = (written := sink.write([BLOCK], Task())).receipts
    assert texts_of(handle) == [second.text]
    completed(sink, written)
    assert read(handle.cache, "it").texts == [second.text]


def test_a_task_that_outlives_its_write_takes_back_what_it_stored(
    handle: Handle,
) -> None:
    sink = begun(handle)
    in_task = pickle.loads(pickle.dumps(sink))
    sink.on_write_failed(RuntimeError())
    with pytest.raises(ClosedError, match="'it' has ended"):
        in_task.write([BLOCK], Task())
    assert list(handle.cache) == []


def test_a_dataset_with_a_lost_ray_block_is_not_published(handle: Handle) -> None:
    before = write(numbers(), handle)
    sink = begun(handle)
    written = sink.write([BLOCK, BLOCK], Task())
    handle.cache.delete_many([written.receipts[1].text])
    lost = rf"Ray block 1 of dataset 'it', stored by node '{handle.node}', is not in"
    with pytest.raises(KeyNotFoundError, match=lost):
        completed(sink, written)
    sink.on_write_failed(RuntimeError())
    assert read(handle.cache, "it") == before
    assert texts_of(handle) == sorted(before.texts)


def test_what_a_killed_driver_left_goes_when_the_name_is_published_again(
    handle: Handle,
) -> None:
    sink = begun(handle)
    sink.write([BLOCK], Task())
    # As if it had died after its parts were made to stay.
    handle.cache.delete_many([f"write:it:{sink.wanted.write}"])
    manifest = write(numbers(), handle)
    assert texts_of(handle) == sorted(manifest.texts)


@pytest.mark.parametrize(
    ("wanted", "standing"),
    [
        ({"version": "2", "plan": "a"}, "with version='1', not '2'"),
        ({"version": None}, "with version='1', not None"),
        ({"version": "1", "plan": "b"}, "for another plan"),
    ],
)
def test_a_name_that_stands_for_something_else_is_kept(
    wanted: dict[str, Any], standing: str, handle: Handle
) -> None:
    before = write(numbers(), handle, version="1", plan="a")
    told = pytest.raises(NameInUseError, match=rf"{standing}.*overwrite=True")
    sink = GridDatasink("it", cache=handle, overwrite=False, **wanted)
    with told:
        sink.on_write_start()
    assert read(handle.cache, "it") == before
    assert texts_of(handle) == sorted(before.texts)


def test_a_name_that_somebody_took_meanwhile_is_kept(handle: Handle) -> None:
    sink = begun(handle, overwrite=False, version="2")
    written = sink.write([BLOCK], Task())
    before = write(numbers(), handle, version="1")
    with pytest.raises(NameInUseError, match="with version='1', not '2'"):
        completed(sink, written)
    sink.on_write_failed(RuntimeError())
    assert read(handle.cache, "it") == before
    assert texts_of(handle) == sorted(before.texts)


def test_the_same_that_is_whole_stays(handle: Handle) -> None:
    """Somebody reads it."""
    before = write(numbers(), handle, version="1", plan="a")
    sink = GridDatasink("it", cache=handle, version="1", plan="a", overwrite=False)
    numbers().write_datasink(sink)
    assert sink.manifest == before == read(handle.cache, "it")
    assert texts_of(handle) == sorted(before.texts)


def test_the_same_that_has_lost_a_ray_block_is_replaced(handle: Handle) -> None:
    before = write(numbers(), handle, version="1", plan="a")
    handle.cache.delete_many(before.texts[:1])
    again = write(numbers(), handle, version="1", plan="a", overwrite=False)
    assert again.write != before.write
    assert texts_of(handle) == sorted(again.texts)
