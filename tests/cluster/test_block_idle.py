"""Idle memory of other nodes, as a process without Ray has it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cluster.blocks.idle import IdleMemory
from gridcache.cluster.client.local import local_of
from gridcache.errors import (
    BlockNotFoundError,
    ConfigError,
    NodeLostError,
    OutOfSpaceError,
    PeerLostError,
)
from gridcache.store.block_numbers import draw_number
from tests.cluster.kit.block_grid import BlockGrid


@pytest.fixture
def grid(store_dir: Path) -> Iterator[BlockGrid]:
    with BlockGrid(store_dir, "a", "b", "c") as grid:
        yield grid


@pytest.fixture
def idle(grid: BlockGrid) -> Iterator[IdleMemory]:
    """As seen from node `a`."""
    store = grid.nodes["a"].store
    store.blocks.own("pool")
    idle = IdleMemory(local_of(store), "pool")
    yield idle
    idle.close()


def put(idle: IdleMemory, node: str, *pieces: bytes) -> int:
    number = draw_number()
    idle.put(node, number, [memoryview(one) for one in pieces])
    return number


def read(idle: IdleMemory, node: str, number: int, nbytes: int) -> bytes:
    into = bytearray(nbytes)
    idle.read_into(node, number, memoryview(into))
    return bytes(into)


@pytest.mark.parametrize("nbytes", [1, 100_000, 5 << 20, 40 << 20])
def test_bytes_go_there_and_come_back(idle: IdleMemory, nbytes: int) -> None:
    data = bytes(range(256)) * (nbytes // 256 + 1)
    number = put(idle, "b", b"", b"head", data[:nbytes], b"")
    assert read(idle, "b", number, nbytes + 4) == b"head" + data[:nbytes]


def test_nodes_tell_what_is_idle(grid: BlockGrid, idle: IdleMemory) -> None:
    before = idle.idle_nbytes()
    put(idle, "b", bytes(4 << 20))
    after = idle.idle_nbytes()
    assert before.keys() == {"b", "c"}
    # Stores take and give back some pages of their own all the while.
    taken = {name: (before[name] or 0) - (after[name] or 0) for name in before}
    assert taken["b"] > 3 << 20
    assert abs(taken["c"]) < 1 << 20
    assert idle.idle_nbytes({"b"}).keys() == {"c"}
    grid.nodes["c"].server.close()
    assert idle.idle_nbytes()["c"] is None


def test_a_full_node_refuses_and_keeps_nothing(
    grid: BlockGrid, idle: IdleMemory
) -> None:
    put(idle, "b", bytes(40 << 20))
    with pytest.raises(OutOfSpaceError):
        put(idle, "b", bytes(30 << 20))
    assert len(grid.node("b").numbers()) == 1
    put(idle, "b", bytes(1 << 20))


def test_a_number_that_is_taken_is_refused(idle: IdleMemory) -> None:
    number = put(idle, "b", b"one")
    with pytest.raises(ConfigError, match="already"):
        idle.put("b", number, [memoryview(b"two")])
    assert read(idle, "b", number, 3) == b"one"


def test_freed_blocks_are_gone_and_unknown_ones_are_told(
    grid: BlockGrid, idle: IdleMemory
) -> None:
    number = put(idle, "b", b"one")
    assert idle.free("b", [number, 5]) == [5]
    assert not grid.node("b").numbers()
    with pytest.raises(BlockNotFoundError):
        read(idle, "b", number, 3)


def test_a_block_is_found_where_it_was_moved_to(
    grid: BlockGrid, idle: IdleMemory
) -> None:
    number = put(idle, "b", b"one")
    assert idle.find(number, {"b"}) is None
    assert grid.node("b").mover.move(number, "c")
    assert idle.find(number) == "c"
    assert idle.free("c", [number]) == []


def test_a_node_that_left_is_lost_and_a_silent_one_is_not(
    grid: BlockGrid, idle: IdleMemory
) -> None:
    in_b, in_c = put(idle, "b", b"one"), put(idle, "c", b"two")
    grid.nodes["c"].server.close()
    with pytest.raises(PeerLostError):
        read(idle, "c", in_c, 3)
    grid.lose("b")
    with pytest.raises(NodeLostError, match="left"):
        read(idle, "b", in_b, 3)


def test_the_end_frees_everything_at_once(grid: BlockGrid, idle: IdleMemory) -> None:
    for node in ("b", "c"):
        put(idle, node, b"some")
    idle.close()
    assert not grid.node("b").numbers()
    assert not grid.node("c").numbers()
