"""What IO workers call: Ray's own storage of files, with a store before it.

Ray's object store, which only a worker has, is a dict here; all else is Ray's.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gridcache.errors import StoreStalledError
from gridcache.ray_data.objectspill.labels import raylet_of
from gridcache.ray_data.objectspill.memory import SpilledMemory
from gridcache.ray_data.objectspill.storage import GridStorage
from gridcache.store.block_numbers import draw_number
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store
from tests.ray_data.objectspill.kit.plasma import OWNER, Plasma

pytest.importorskip("ray")

_CAPACITY = 32 << 20
_NBYTES = 300_000


@pytest.fixture
def store(store_dir: Path) -> Iterator[NodeStore]:
    one = open_store(store_dir / "store", capacity_nbytes=_CAPACITY)
    yield one
    close_store(one)


@pytest.fixture
def plasma(tmp_path: Path) -> Plasma:
    one = Plasma(tmp_path)
    one.data = {f"ref{n}": os.urandom(_NBYTES + n) for n in range(5)} | {"empty": b""}
    return one


@pytest.fixture
def memory(store: NodeStore, plasma: Plasma) -> SpilledMemory:
    me = raylet_of(os.getpid())
    assert me is not None
    return SpilledMemory(store, plasma.directory, me, _CAPACITY)


@pytest.fixture
def storage(plasma: Plasma, memory: SpilledMemory) -> GridStorage:
    return GridStorage(plasma.files, lambda: memory)


def _spill(storage: GridStorage, data: dict[str, bytes]) -> list[bytes]:
    return storage.spill_objects(list(data), [OWNER] * len(data))


def _files(plasma: Plasma) -> list[Path]:
    return [one for one in plasma.directory.iterdir() if not one.is_symlink()]


def test_objects_come_back_as_they_were(storage: GridStorage, plasma: Plasma) -> None:
    urls = _spill(storage, plasma.data)
    before = plasma.take()
    found = storage.restore_spilled_objects(list(before), urls)
    assert plasma.data == before
    assert found == sum(map(len, before.values()))
    assert _files(plasma) == []


def test_ray_that_knows_no_store_restores_them_too(
    storage: GridStorage, plasma: Plasma
) -> None:
    urls = _spill(storage, plasma.data)
    before = plasma.take()
    files: Any = plasma.files
    files.restore_spilled_objects(list(before), urls)
    assert plasma.data == before


def test_what_the_store_does_not_take_goes_to_a_file_and_comes_back_in_order(
    storage: GridStorage, plasma: Plasma, store: NodeStore
) -> None:
    room = store.blocks.sizes().room_nbytes
    store.blocks.allocate(draw_number(), room - 3 * _NBYTES)
    urls = _spill(storage, plasma.data)
    assert len(_files(plasma)) == 1
    assert store.blocks.sizes().blocks == 1 + 2
    before = plasma.take()
    storage.restore_spilled_objects(list(before), urls)
    assert plasma.data == before
    storage.delete_spilled_objects(urls)
    assert list(plasma.directory.iterdir()) == []
    assert store.blocks.sizes().blocks == 1


def test_deleting_twice_is_no_error(storage: GridStorage, plasma: Plasma) -> None:
    urls = _spill(storage, plasma.data)
    storage.delete_spilled_objects(urls)
    storage.delete_spilled_objects(urls)
    assert list(plasma.directory.iterdir()) == []


def test_nothing_of_ours_is_touched_when_ray_ends(
    storage: GridStorage, plasma: Plasma, store: NodeStore
) -> None:
    _spill(storage, plasma.data)
    storage.destroy_external_storage()
    assert not plasma.directory.exists()
    assert store.check().ok


def test_the_store_is_opened_before_there_is_an_object_and_once(
    plasma: Plasma, memory: SpilledMemory
) -> None:
    calls: list[None] = []

    def open_memory() -> SpilledMemory:
        calls.append(None)
        return memory

    storage = GridStorage(plasma.files, open_memory)
    storage.open_aside().join()
    assert len(calls) == 1
    _spill(storage, plasma.data)
    assert len(calls) == 1


# -- a store that fails ----------------------------------------------------------


class _Clock:
    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def _failing(error: Exception, calls: list[None]) -> Callable[[], Any]:
    def fail() -> Any:
        calls.append(None)
        raise error

    return fail


@pytest.mark.parametrize(
    "error", [StoreStalledError("stopped"), OSError("gone"), ValueError("odd setting")]
)
def test_a_store_that_fails_is_left_alone_for_a_while(
    plasma: Plasma, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[None] = []
    clock = _Clock()
    storage = GridStorage(plasma.files, _failing(error, calls), clock)
    before = dict(plasma.data)
    for _ in range(3):
        urls = _spill(storage, before)
    assert len(calls) == len(caplog.records) == 1
    plasma.take()
    storage.restore_spilled_objects(list(before), urls)
    assert plasma.data == before
    clock.now_s = 60.0
    _spill(storage, before)
    assert len(calls) == 2
