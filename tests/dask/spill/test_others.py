"""Spilling to idle memory of other nodes, over real streams."""

import gc
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed.spill import SpillBuffer

from gridcache.cluster.blocks.idle import IdleMemory
from gridcache.cluster.client.local import local_of
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer
from gridcache.dask.spill.buffer import GridSpillBuffer, insert, tiers_of
from gridcache.dask.spill.figures import figures_of
from gridcache.dask.spill.memory import SpillMemory
from gridcache.dask.spill.options import SpillOptions
from gridcache.dask.spill.others import OthersMemory
from gridcache.errors import OutOfSpaceError, PeerLostError
from gridcache.store.blocks import Blocks
from gridcache.store.namespaces import Namespace
from tests.cluster.kit.block_grid import BlockGrid
from tests.store.kit.processes import Child
from tests.store.kit.shop import Shop

NBYTES = 60_000
OWN = 150_000
"""Room for two values in the own store."""


class Spiller(Child):
    """A worker's data in a process of its own."""

    package = "tests.dask.spill.workers"


@pytest.fixture
def grid(store_dir: Path) -> Iterator[BlockGrid]:
    with BlockGrid(store_dir, "a", "b") as grid:
        yield grid


@pytest.fixture
def make(tmp_path: Path, grid: BlockGrid) -> Iterator[Callable[..., SpillBuffer]]:
    """Makes buffers of a worker on node `a`."""
    made: list[SpillBuffer] = []

    def make(**options: Any) -> SpillBuffer:
        buffer = SpillBuffer(str(tmp_path / f"disk{len(made)}"), 100_000)
        path = str(grid.nodes["a"].store.directory)
        chosen = {"path": path, "max_bytes": OWN} | options
        insert(buffer, SpillOptions.read(**chosen), "test")
        made.append(buffer)
        return buffer

    yield make
    for buffer in made:
        tiers = tiers_of(buffer)
        if tiers is not None:
            tiers.end()


@pytest.fixture
def buffer(make: Callable[..., SpillBuffer]) -> SpillBuffer:
    return make()


def memory_of(buffer: SpillBuffer) -> SpillMemory:
    tiers = tiers_of(buffer)
    assert tiers is not None
    assert tiers.memory is not None
    return tiers.memory


def others_of(buffer: SpillBuffer) -> OthersMemory:
    others = memory_of(buffer)._others
    assert isinstance(others, OthersMemory)
    return others


def one_far(buffer: SpillBuffer) -> str:
    """A key whose value lies on another node."""
    tiers = tiers_of(buffer)
    assert tiers is not None
    far = (key for key, one in tiers._where.items() if one and one.place.node)
    return str(next(far))


def fill(buffer: SpillBuffer, count: int = 6, nbytes: int = NBYTES) -> None:
    for number in range(count):
        buffer[f"key{number}"] = np.full(nbytes // 8, number, np.float64)


def check(buffer: SpillBuffer, count: int = 6) -> None:
    for number in range(count):
        found: Any = buffer[f"key{number}"]
        assert set(found.tolist()) == {number}


def wait_until(done: Callable[[], bool], blocks: Blocks) -> None:
    """Until other threads and processes have done it; asks the store, not the clock."""
    until = time.monotonic() + 60
    while not done():
        assert time.monotonic() < until
        blocks.flush()
        time.sleep(0.01)


# -- there and back ---------------------------------------------------------------


def test_what_the_own_store_does_not_take_goes_to_another_node(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    figures = figures_of(buffer)
    assert (figures.grid_own_count, figures.grid_others_count) == (2, 3)
    assert figures.disk_count == figures.fell == 0
    assert len(grid.node("b").numbers()) == 3
    check(buffer)
    assert buffer.spilled_total.disk == sum(
        one.nbytes for one in (memory_of(buffer).own, memory_of(buffer).far)
    )


def test_deleted_values_leave_nothing_on_either_node(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    for key in list(buffer):
        del buffer[key]
    assert others_of(buffer).freeing.settle(10.0)
    assert not grid.node("a").numbers()
    assert not grid.node("b").numbers()


@pytest.mark.parametrize("nbytes", [1 << 20, 20 << 20])
def test_a_large_value_travels_in_pieces_into_writable_memory(
    make: Callable[..., SpillBuffer], grid: BlockGrid, nbytes: int
) -> None:
    buffer = make(max_bytes=0)
    value = np.random.default_rng(1).integers(0, 255, nbytes, np.uint8)
    tiers = tiers_of(buffer)
    assert tiers is not None
    tiers["key"] = value
    assert figures_of(buffer).grid_others_count == 1
    found: Any = tiers["key"]
    np.testing.assert_array_equal(found, value)
    assert found.flags.writeable
    assert found.ctypes.data % 64 == 0


def test_the_node_with_most_idle_memory_is_asked(
    grid: BlockGrid, make: Callable[..., SpillBuffer]
) -> None:
    grid.add("c")
    with grid.nodes["b"].cache() as cache:
        for number in range(30):
            cache.put(f"key{number}", os.urandom(1 << 20), replicas=1)
    b, c = (grid.nodes[n].store.blocks.sizes().idle_nbytes for n in "bc")
    fill(make(max_bytes=0), 4)
    assert len(grid.node("b" if b > c else "c").numbers()) == 3


def test_others_give_no_entry_up(
    grid: BlockGrid, make: Callable[..., SpillBuffer]
) -> None:
    b = grid.node("b").store
    shop = Shop(b, b.namespace(Namespace("entries")))
    for number in range(45):
        shop.put(f"key{number}", number, 1 << 20)
    buffer = make(max_bytes=0)
    fill(buffer, 8, nbytes=4 << 20)
    assert figures_of(buffer).grid_others_count > 0
    assert figures_of(buffer).disk_count > 0
    assert len(shop.keys()) == 45


@pytest.mark.parametrize("option", [{"others": False}, {"grid": None}])
def test_other_nodes_are_left_alone_if_so_chosen(
    grid: BlockGrid, make: Callable[..., SpillBuffer], option: dict[str, Any]
) -> None:
    buffer = make(**option)
    fill(buffer)
    figures = figures_of(buffer)
    assert (figures.grid_own_count, figures.disk_count) == (2, 3)
    assert not grid.node("b").numbers()
    check(buffer)


# -- nodes that go ------------------------------------------------------------------


def test_a_value_on_a_node_that_is_lost_is_a_key_error(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    lost = one_far(buffer)
    grid.lose("b")
    with pytest.raises(KeyError, match=lost):
        buffer[lost]
    assert lost in buffer
    del buffer[lost]
    buffer[lost] = np.full(NBYTES // 8, 7.0)
    assert buffer[lost][0] == 7.0  # type: ignore[index]


def test_a_node_that_does_not_answer_is_an_os_error_and_then_left_alone(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    far = one_far(buffer)
    grid.nodes["b"].server.close()
    with pytest.raises(OSError, match="lost 127"):
        buffer[far]
    others, before = others_of(buffer), figures_of(buffer)
    for number in range(20, 26):
        others._asked_at = float("-inf")  # a second has passed
        buffer[f"key{number}"] = np.full(NBYTES // 8, number, np.float64)
    after = figures_of(buffer)
    assert after.disk_count - before.disk_count >= 5
    assert others._breakers["b"].rests
    grid.serve_again("b")
    check(buffer)


def test_a_node_that_hangs_costs_its_time_limit_once(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    far, others = one_far(buffer), others_of(buffer)
    gate, ops = threading.Event(), grid.node("b").blocks._ops

    def hang(_session: Session, _meta: dict[str, Any]) -> Answer:
        gate.wait(60)
        return Answer()

    asleep = dict.fromkeys(("block_sizes", "block_read"), hang)
    awake = {op: ops[op] for op in asleep}
    ops.update(asleep)
    others._asked_at = float("-inf")
    waited_s = []
    for number in range(20, 23):
        started = time.monotonic()
        buffer[f"key{number}"] = np.full(NBYTES // 8, number, np.float64)
        waited_s.append(time.monotonic() - started)
    assert others._breakers["b"].rests
    assert max(waited_s) == waited_s[0] > 0.3
    with pytest.raises(OSError, match="lost 127"):
        buffer[far]
    gate.set()
    ops.update(awake)
    check(buffer)


def test_a_value_that_is_moved_by_a_drain_is_found_and_freed(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    grid.add("c")
    for number in grid.node("b").numbers():
        assert grid.node("b").mover.move(number, "c")
    assert len(grid.node("c").numbers()) == 3
    del buffer["key2"]
    assert others_of(buffer).freeing.settle(10.0)
    assert len(grid.node("c").numbers()) == 2
    grid.lose("b")
    found: Any = [buffer[f"key{number}"] for number in (0, 1, 3, 4, 5)]
    assert [one[0] for one in found] == [0, 1, 3, 4, 5]


def test_a_value_that_is_moved_to_this_node_is_found(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    for number in grid.node("b").numbers():
        assert grid.node("b").mover.move(number, "a")
    assert not grid.node("b").numbers()
    check(buffer)


def test_bytes_that_came_although_the_answer_was_lost_are_freed(
    grid: BlockGrid, buffer: SpillBuffer, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = IdleMemory.put

    def put_and_lose(idle: IdleMemory, *args: Any) -> None:
        put(idle, *args)
        message = "lost"
        raise PeerLostError(message, reason="closed")

    monkeypatch.setattr(IdleMemory, "put", put_and_lose)
    fill(buffer)
    assert figures_of(buffer).disk_count == 3
    assert others_of(buffer).freeing.settle(10.0)
    assert not grid.node("b").numbers()
    check(buffer)


def test_a_grid_that_this_node_joins_later_is_found_within_seconds(
    grid: BlockGrid,
) -> None:
    now_s, found = [0.0], [None]
    idle = IdleMemory(local_of(grid.nodes["a"].store), "late")
    others = OthersMemory(lambda: found.pop() if found else idle, lambda: now_s[0])
    with pytest.raises(OutOfSpaceError):
        others.put([memoryview(b"some")], 4)
    with pytest.raises(OutOfSpaceError):
        others.put([memoryview(b"some")], 4)
    now_s[0] = 6.0
    node, number = others.put([memoryview(b"some")], 4)
    into = bytearray(4)
    others.read_into(node, number, memoryview(into))
    assert (node, bytes(into)) == ("b", b"some")
    others.close()
    assert not grid.node("b").numbers()


# -- workers that go ----------------------------------------------------------------


def test_a_killed_worker_leaves_nothing_on_any_node(grid: BlockGrid) -> None:
    a, b = grid.node("a"), grid.node("b")
    with Spiller("spiller", a.store.directory, OWN) as spiller:
        spiller.hear("2 5")
        assert (len(a.numbers()), len(b.numbers())) == (2, 5)
        spiller.kill()
    a.store.blocks.reap_dead()
    assert not a.numbers()
    wait_until(lambda: not b.numbers(), b.store.blocks)


def test_a_worker_that_ends_frees_what_it_has_everywhere(
    grid: BlockGrid, buffer: SpillBuffer
) -> None:
    fill(buffer)
    tiers = tiers_of(buffer)
    assert tiers is not None
    tiers.end()
    assert not grid.node("a").numbers()
    assert not grid.node("b").numbers()


def test_a_worker_that_is_collected_frees_what_it_has_everywhere(
    grid: BlockGrid, tmp_path: Path
) -> None:
    path = str(grid.nodes["a"].store.directory)
    buffer = GridSpillBuffer(str(tmp_path), "100kB", path=path, max_bytes=OWN)
    fill(buffer)
    assert len(grid.node("b").numbers()) == 3
    del buffer
    gc.collect()
    for thread in threading.enumerate():
        if thread.name == "gridcache-spill-end":
            thread.join(20.0)
    assert not grid.node("a").numbers()
    assert not grid.node("b").numbers()
