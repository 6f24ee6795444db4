"""Blocks of spilled objects: read by link and offset, freed by delete or raylet's end."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.errors import BlockNotFoundError, ConfigError, OutOfSpaceError
from gridcache.ray_data.objectspill.labels import Raylet, raylet_of
from gridcache.ray_data.objectspill.leftovers import at_the_end_of, free_leftovers
from gridcache.ray_data.objectspill.links import number_of
from gridcache.ray_data.objectspill.memory import SpilledMemory
from gridcache.ray_data.objectspill.opening import open_memory, open_store_of
from gridcache.ray_data.objectspill.place import Place
from gridcache.store.block_numbers import draw_number
from gridcache.store.node_store import NodeStore
from gridcache.store.opening import close_store, open_store

_CAPACITY = 32 << 20
_PIECES = (memoryview(b"lengths"), memoryview(os.urandom(100_000)))
_BYTES = b"".join(_PIECES)


@pytest.fixture
def store(store_dir: Path) -> Iterator[NodeStore]:
    one = open_store(store_dir / "store", capacity_nbytes=_CAPACITY)
    yield one
    assert one.check().ok
    close_store(one)


@pytest.fixture
def process() -> Iterator["subprocess.Popen[bytes]"]:
    """Stands for a raylet; dead at the end."""
    with subprocess.Popen(["/bin/sleep", "600"]) as one:
        yield one
        one.kill()


@pytest.fixture
def raylet(process: "subprocess.Popen[bytes]") -> Raylet:
    found = raylet_of(process.pid)
    assert found is not None
    return found


@pytest.fixture
def memory(store: NodeStore, tmp_path: Path, raylet: Raylet) -> SpilledMemory:
    return SpilledMemory(store, tmp_path, raylet, _CAPACITY)


def test_an_object_is_found_by_its_link_and_offset_alone(memory: SpilledMemory) -> None:
    path, offset = memory.put(_PIECES)
    with path.open("rb") as file:
        file.seek(offset)
        assert file.read(len(_BYTES)) == _BYTES


def test_an_object_is_read_from_any_position(memory: SpilledMemory) -> None:
    path, _ = memory.put(_PIECES)
    into = bytearray(1000)
    memory.read_into(number_of(path), memoryview(into), 50)
    assert into == _BYTES[50:1050]


def test_freed_objects_leave_neither_link_nor_block(
    memory: SpilledMemory, store: NodeStore, tmp_path: Path
) -> None:
    paths = [memory.put(_PIECES).path for _ in range(3)]
    memory.free(paths)
    memory.free(paths)
    assert list(tmp_path.iterdir()) == []
    assert store.blocks.sizes().blocks == 0
    with pytest.raises(BlockNotFoundError):
        memory.read_into(number_of(paths[0]), memoryview(bytearray(1)), 0)


def test_an_object_without_room_leaves_no_link(
    memory: SpilledMemory, store: NodeStore, tmp_path: Path
) -> None:
    room = store.blocks.sizes().room_nbytes
    store.blocks.allocate(draw_number(), room - len(_BYTES))
    with pytest.raises(OutOfSpaceError):
        memory.put(_PIECES)
    assert list(tmp_path.iterdir()) == []


def test_objects_take_no_more_than_they_may(
    store: NodeStore, tmp_path: Path, raylet: Raylet
) -> None:
    memory = SpilledMemory(store, tmp_path, raylet, 2 * len(_BYTES))
    memory.put(_PIECES)
    with pytest.raises(OutOfSpaceError, match="go to a file"):
        memory.put(_PIECES)


# -- leftovers -----------------------------------------------------------------


def test_blocks_stay_while_the_raylet_lives_whoever_stored_them(
    memory: SpilledMemory, store: NodeStore
) -> None:
    memory.put(_PIECES)
    store.tidy()
    assert free_leftovers(store.blocks) == 0
    assert store.blocks.sizes().blocks == 1


def test_blocks_of_a_killed_raylet_are_freed_and_no_others(
    memory: SpilledMemory, store: NodeStore, process: "subprocess.Popen[bytes]"
) -> None:
    memory.put(_PIECES)
    user, small = draw_number(), draw_number()
    store.blocks.allocate(user, 1000, detached=True, fixed=True)
    store.blocks.allocate(small, 1, detached=True, fixed=True)
    process.kill()
    process.wait()
    assert free_leftovers(store.blocks) == 1
    assert {one.number for one in store.blocks.list()} == {user, small}


def test_a_block_whose_link_ray_has_removed_is_freed(
    memory: SpilledMemory, store: NodeStore, raylet: Raylet, tmp_path: Path
) -> None:
    kept, lost = memory.put(_PIECES).path, memory.put(_PIECES).path
    lost.unlink()
    assert free_leftovers(store.blocks, raylet, tmp_path) == 1
    assert [one.number for one in store.blocks.list()] == [number_of(kept)]


def test_a_raylet_whose_pid_another_process_has_is_dead() -> None:
    me = raylet_of(os.getpid())
    assert me is not None
    assert not me.is_dead()
    assert me._replace(started=me.started + 1).is_dead()
    assert not me._replace(started=0, pid_namespace=1).is_dead()  # not seen from here


def test_what_is_to_be_done_at_a_raylets_end_is_done_then(
    memory: SpilledMemory,
    store: NodeStore,
    raylet: Raylet,
    process: "subprocess.Popen[bytes]",
) -> None:
    memory.put(_PIECES)
    thread = at_the_end_of(raylet, lambda: free_leftovers(store.blocks))
    process.kill()
    thread.join(30)
    assert store.blocks.sizes().blocks == 0


# -- opening -------------------------------------------------------------------


def test_the_store_is_made_as_the_environment_says(
    store_dir: Path, tmp_path: Path
) -> None:
    place = Place(path=str(store_dir / "new"), capacity_nbytes=_CAPACITY, grid="")
    memory = open_memory(place.environment(), tmp_path)
    path, _ = memory.put(_PIECES)
    store = open_store(store_dir / "new")
    assert store.capacity_nbytes == _CAPACITY
    memory.free([path])
    close_store(store)
    close_store(store)


def test_a_store_on_disk_is_refused(tmp_path: Path) -> None:
    place = Place(path=str(tmp_path / "store"), capacity_nbytes=_CAPACITY)
    with pytest.raises(ConfigError, match="on disk"):
        open_store_of(place)
