"""Interrupted epochs: what their tasks have made is taken, and is not the whole."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import ray.data

from gridcache.errors import CacheWarning
from gridcache.published.handle import Handle
from gridcache.ray_data.epochs import tee
from gridcache.ray_data.manifest import read
from tests.cluster.kit.ray_cluster import wait_until
from tests.ray_data.kit.blocks import dataset_of, numbers
from tests.ray_data.kit.notes import Notes, once
from tests.ray_data.kit.streams import Batch, counted, ids, is_published, noting
from tests.ray_data.kit.written import ids_of, texts_of

pytestmark = pytest.mark.ray

ALL = list(range(80))


def fails_once(notes: Notes, handle: Handle, flag: Path) -> Callable[[Batch], None]:
    """Fails at the last rows, once all other tasks have ended."""

    def fail(batch: Batch) -> None:
        if 79 in batch["id"] and once(flag):
            # A part, its task's note, and the note on its inputs.
            wait_until(lambda: len(texts_of(handle)) >= 9)
            message = "interrupted"
            raise InterruptedError(message)

    return fail


def interrupted(streaming: ray.data.Dataset) -> None:
    with pytest.raises(Exception, match="interrupted"):
        ids(streaming)


def test_the_next_epoch_runs_only_what_was_not_done(
    handle: Handle, notes: Notes, tmp_path: Path
) -> None:
    source = counted(notes, then=fails_once(notes, handle, tmp_path / "failed"))
    streaming = tee(source, "it", cache=handle, version="1")
    interrupted(streaming)
    assert notes.count == 4
    assert not is_published(handle)
    assert ids(streaming) == ALL
    assert notes.marks[4:] == ["60"]
    assert ids_of(read(handle.cache, "it"), handle) == ALL
    assert ids(streaming) == ALL
    assert notes.count == 5


def test_another_job_takes_what_an_epoch_of_the_same_plan_has_left(
    handle: Handle, notes: Notes
) -> None:
    def look() -> Any:
        return tee(counted(notes, 800, 40), "it", cache=handle)

    look().take(1)
    done = notes.count
    assert ids(look()) == list(range(800))
    # Tasks that were stopped in their midst run again.
    assert notes.count < done + 40


def test_another_version_takes_nothing(handle: Handle, notes: Notes) -> None:
    tee(counted(notes, 800, 40), "it", cache=handle, version="1").take(1)
    notes.clear()
    ids(tee(counted(notes, 800, 40), "it", cache=handle, version="2"))
    assert notes.count == 40


def test_a_plan_without_a_digest_shares_with_nobody_but_itself(
    handle: Handle, notes: Notes, tmp_path: Path
) -> None:
    fail = fails_once(notes, handle, tmp_path / "failed")
    # Ray finished its Ray blocks in whatever order.
    source = numbers().materialize().map_batches(noting(notes, fail))
    with pytest.warns(CacheWarning, match="the name 'it' and its version decide"):
        streaming = tee(source, "it", cache=handle)
    interrupted(streaming)
    notes.clear()
    tee(source, "it", cache=handle).take(1)  # is not told again
    assert notes.count >= 1
    notes.clear()
    assert ids(streaming) == ALL
    assert notes.marks == ["60"]


def test_files_are_taken_by_what_is_read_of_them(
    handle: Handle, notes: Notes, tmp_path: Path
) -> None:
    files = [tmp_path / f"{n}.csv" for n in range(4)]
    for n, file in enumerate(files):
        rows = range(20 * n, 20 * (n + 1))
        file.write_text("id\n" + "".join(f"{row}\n" for row in rows))
    fail = fails_once(notes, handle, tmp_path / "failed")
    source = ray.data.read_csv(list(map(str, files)), override_num_blocks=4)
    streaming = tee(source.map_batches(noting(notes, fail)), "it", cache=handle)
    interrupted(streaming)
    assert ids(streaming) == ALL
    assert notes.marks[4:] == ["60"]


def test_tasks_that_read_apart_are_known_by_their_rows(
    handle: Handle, notes: Notes, tmp_path: Path
) -> None:
    fail = fails_once(notes, handle, tmp_path / "failed")
    # Not fused with the read: Ray Data wants whole batches.
    streaming = tee(counted(notes, then=fail, batch_size=20), "it", cache=handle)
    interrupted(streaming)
    assert ids(streaming) == ALL
    assert notes.marks[4:] == ["60"]


@pytest.mark.soak
def test_actors_leave_out_what_was_done(
    handle: Handle, notes: Notes, tmp_path: Path
) -> None:
    fail = fails_once(notes, handle, tmp_path / "failed")

    class Model:
        def __call__(self, batch: Batch) -> Batch:
            return noting(notes, fail)(batch)

    source = numbers().map_batches(Model, concurrency=2, num_cpus=0.5)
    streaming = tee(source, "it", cache=handle)
    interrupted(streaming)
    assert ids(streaming) == ALL
    assert notes.marks[4:] == ["60"]


def test_equal_inputs_of_one_epoch_are_each_worked_on(
    handle: Handle, notes: Notes
) -> None:
    # A function may draw lots: what one task gave is not what the other would give.
    same = dataset_of(*[pa.table({"id": [1, 2, 3]})] * 4).map_batches(noting(notes))
    assert tee(same, "it", cache=handle).count() == 12
    assert notes.count == 4
