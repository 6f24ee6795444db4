"""Entries that count nowhere are removed, and no others."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cluster.home.directory import Record
from gridcache.store.records import IMMUTABLE, Stamp
from tests.cluster.kit.nodes import Grid, Node, keys_in, views


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        grid.add("a")
        grid.add("b")
        grid.give_all(grid.nodes["a"])
        yield grid


def clean(grid: Grid, node: Node) -> None:
    while not node.handover.remove_leftovers(grid.view):
        pass


def test_what_has_moved_away_is_removed_even_if_it_is_pinned(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (moved,), (kept,) = keys_in(7), keys_in(8)
    a.put(moved, b"1", pinned=True)
    a.put(kept, b"2")
    grid.move(a, b, [7])
    clean(grid, a)
    assert (a.entry(moved), a.read(kept)) == (None, b"2")
    assert b.read(moved) == b"1"


def test_entries_of_before_the_grid_are_removed_once_they_moved(
    store_dir: Path,
) -> None:
    with views(store_dir) as grid:
        a, b = grid.add("a"), grid.add("b")
        (moved,), (kept,) = keys_in(7), keys_in(8)
        a.plant(moved, b"1", Stamp())
        a.plant(kept, b"2", Stamp())
        grid.give_all(a)
        grid.move(a, b, [7])
        clean(grid, a)
        assert (a.entry(moved), a.read(kept)) == (None, b"2")


def test_what_a_joined_node_had_before_is_left_for_adoption(grid: Grid) -> None:
    b = grid.nodes["b"]
    (key,) = keys_in(7)
    b.plant(key, b"value", Stamp())
    clean(grid, b)
    assert b.entry(key)


def test_copies_immutable_and_staged_entries_stay(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (copied,), (immutable, staged) = keys_in(7), ("immutable", "\0staged/1")
    view = grid.back_up(b, [7])
    a.put(copied, b"1", replicas=2)
    b.plant(immutable, b"2", Stamp(0, 0, IMMUTABLE))
    b.plant(staged, b"3", Stamp(1 << 63))
    assert view.backups[7] == b.number
    clean(grid, b)
    assert all(b.entry(key) for key in (copied, immutable, staged))


def test_copies_are_removed_when_another_node_is_the_backup(grid: Grid) -> None:
    a, b = grid.nodes.values()
    c = grid.add("c")
    grid.publish()
    grid.back_up(b, [7])
    (key,) = keys_in(7)
    a.put(key, b"1", replicas=2)
    clean(grid, b)
    assert b.entry(key)
    grid.back_up(c, [7])
    clean(grid, b)
    assert b.entry(key) is None
    assert a.read(key) == b"1"


def test_what_is_coming_stays_and_goes_when_its_move_is_dropped(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"1", pinned=True)
    grid.begin_moves(a, b, [7])
    assert b.handover.pull_moves(grid.view)
    clean(grid, b)
    assert b.entry(key)
    grid.publish(moves=())
    clean(grid, b)
    assert b.entry(key) is None
    assert a.read(key) == b"1"


def test_the_directory_of_what_moved_away_is_removed(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (moved,), (kept,) = keys_in(7), keys_in(8)
    record = Record(1, 0, 0, 0.0, (1,))
    a.save({moved: record, kept: record})
    grid.move(a, b, [7])
    clean(grid, a)
    assert (a.load(moved), a.load(kept)) == (None, record)
    assert b.load(moved) == record


def test_deletes_known_to_a_copy_stay(grid: Grid) -> None:
    b = grid.nodes["b"]
    (key,) = keys_in(7)
    grid.back_up(b, [7])
    b.save({key: Record(1, deleted=5.0)})
    clean(grid, b)
    assert b.load(key)


def test_nothing_is_removed_while_partitions_go_away(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (moved,) = keys_in(7)
    a.put(moved, b"1")
    grid.move(a, b, [7])
    grid.begin_moves(a, b, [8])
    clean(grid, a)
    assert a.entry(moved)


def test_what_counts_again_meanwhile_stays(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    grid.move(a, b, [7])
    older = grid.view
    grid.move(b, a, [7])
    a.put(key, b"1")
    while not a.handover.remove_leftovers(older):
        pass
    assert a.read(key) == b"1"
