"""Moves and fills whose other end dies, hangs or is somebody else."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gridcache.cluster.home.home import Moved
from gridcache.errors import PeerLostError
from tests.cluster.kit.nodes import Grid, NodeProcess, keys_in, views

MIB = 1 << 20
LATER_PAGE = 1
"""Twenty bodies of a mebibyte are three pages; the gate is at the second."""


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        grid.add("a", capacity_nbytes=64 * MIB)
        grid.add("b", capacity_nbytes=64 * MIB)
        grid.give_all(grid.nodes["a"])
        yield grid


def fill(grid: Grid, partition: int = 7) -> list[str]:
    keys = keys_in(partition, 20)
    for number, key in enumerate(keys):
        grid.nodes["a"].put(key, bytes([number]) * (MIB - 100), replicas=2)
    return keys


def assert_all_at(grid: Grid, name: str, keys: list[str]) -> None:
    for number, key in enumerate(keys):
        assert grid.nodes[name].read(key) == bytes([number]) * (MIB - 100)


def test_a_source_killed_in_the_middle_leaves_nothing_that_counts(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = fill(grid)
    with (
        NodeProcess(a, "surrender:entries", LATER_PAGE) as source,
        ThreadPoolExecutor(1) as thread,
    ):
        grid.begin_moves(a, b, [7])
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        source.kill()
        assert pulled.result() == []
    assert any(b.entry(key) for key in keys)
    grid.lose(a, b)
    assert all(not isinstance(b.read(key), bytes) for key in keys)
    b.put(keys[0], b"new")
    assert b.read(keys[0]) == b"new"


def test_a_source_killed_and_started_again_gives_everything(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = fill(grid)
    with (
        NodeProcess(a, "surrender:entries", LATER_PAGE) as source,
        ThreadPoolExecutor(1) as thread,
    ):
        grid.begin_moves(a, b, [7])
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        source.kill()
        assert pulled.result() == []
    with NodeProcess(a):
        grid.publish()
        done = b.handover.pull_moves(grid.view)
        assert done
        grid.finish(done)
        assert_all_at(grid, "b", keys)


def test_a_move_dropped_in_the_middle_leaves_the_source_as_it_was(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = fill(grid)
    with (
        NodeProcess(a, "surrender:entries", LATER_PAGE) as source,
        ThreadPoolExecutor(1) as thread,
    ):
        grid.begin_moves(a, b, [7, 8])
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        assert isinstance(a.read(keys[0]), Moved)
        kept = tuple(move for move in grid.view.moves if move.partition == 8)
        grid.publish(moves=kept)
        source.tell()
        assert {partition for partition, _ in pulled.result()} == {8}
        assert_all_at(grid, "a", keys)


def test_a_target_that_begins_again_takes_everything(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = fill(grid)
    grid.begin_moves(a, b, [7])
    with (
        NodeProcess(a, "surrender:entries", LATER_PAGE) as source,
        ThreadPoolExecutor(1) as thread,
    ):
        grid.publish()
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        b.peers.cut(a.address)
        assert pulled.result() == []
        b.peers.mend(a.address)
        source.tell()
        again = thread.submit(b.handover.pull_moves, grid.view)
        for _ in range(3):
            source.hear("inside")
            source.tell()
        grid.finish(again.result())
    assert_all_at(grid, "b", keys)


def test_another_member_at_the_address_of_the_source_gives_nothing(grid: Grid) -> None:
    a, b = grid.nodes.values()
    c = grid.add("c")
    keys = fill(grid)
    a.address = c.address
    grid.begin_moves(a, b, [7])
    assert b.handover.pull_moves(grid.view) == []
    assert not any(b.entry(key) for key in keys)


def test_a_body_that_goes_before_it_is_fetched_is_left_out(grid: Grid) -> None:
    a, b = grid.nodes.values()
    large, small = keys_in(7, 2)
    a.put(large, b"x" * (2 * MIB))
    a.put(small, b"y")
    with NodeProcess(a, "body") as source, ThreadPoolExecutor(1) as thread:
        grid.begin_moves(a, b, [7])
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        a.store.delete(a.space, [large])
        source.tell()
        grid.finish(pulled.result())
    assert (b.value(large), b.read(small)) == (None, b"y")


def test_a_copy_killed_in_the_middle_is_filled_from_the_start(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = fill(grid)
    with NodeProcess(b, "copies", LATER_PAGE) as copy, ThreadPoolExecutor(1) as thread:
        view = grid.back_up(b, [7])
        filled = thread.submit(a.handover.fill_backups, view)
        copy.hear("inside")
        copy.kill()
        assert filled.result() == []
    with NodeProcess(b):
        view = grid.publish()
        assert a.handover.fill_backups(view) == [(7, int(view.backup_terms[7]))]
    grid.lose(a, b, promote=True)
    assert_all_at(grid, "b", keys)


def test_a_lost_node_is_not_asked_twice_for_a_large_body(grid: Grid) -> None:
    a, b = grid.nodes.values()
    for key in keys_in(7, 3):
        a.put(key, b"x" * (2 * MIB))
    with NodeProcess(a, "body", 1) as source, ThreadPoolExecutor(1) as thread:
        grid.begin_moves(a, b, [7])
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        source.hear("inside")
        source.kill()
        assert pulled.result() == []
    with pytest.raises(PeerLostError):
        b.peers.call(a.address, "stats", {})
