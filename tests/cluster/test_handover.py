"""Partitions that move: everything that counts comes along, and nothing else."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.done import note_done
from gridcache.cluster.home.home import Moved
from gridcache.cluster.home.moved import MovedError
from gridcache.cluster.table.placement import PARTITIONS, partition_of
from gridcache.store.namespaces import Namespace
from gridcache.store.records import REPLICATED, TOMBSTONE, Stamp
from tests.cluster.kit.nodes import Grid, keys_in, views

MIB = 1 << 20


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        grid.add("a")
        grid.add("b")
        grid.give_all(grid.nodes["a"])
        yield grid


def test_a_moved_entry_is_read_at_its_new_home_and_not_at_the_old_one(
    grid: Grid,
) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value", ttl_s=100.0, cost_s=2.5, pinned=True, tags=("x", "y"))
    grid.move(a, b, [7])
    assert b.read(key) == b"value"
    assert isinstance(a.read(key), Moved)
    entry = b.entry(key)
    assert entry is not None
    assert (entry.cost_s, entry.pinned, entry.tags) == (2.5, True, ("x", "y"))
    assert 90 < entry.expires - time.time() <= 100


def test_a_partition_on_its_way_is_neither_read_nor_written_at_the_source(
    grid: Grid,
) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value")
    grid.begin_moves(a, b, [7])
    assert b.handover.pull_moves(grid.view)
    assert isinstance(a.read(key), Moved)
    assert isinstance(b.read(key), Moved)
    with pytest.raises(MovedError):
        a.put(key, b"late")
    with pytest.raises(MovedError):
        b.put(key, b"early")


def test_other_partitions_stay(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (moving,), (staying,) = keys_in(7), keys_in(8)
    a.put(moving, b"1")
    a.put(staying, b"2")
    grid.move(a, b, [7])
    assert (a.read(staying), b.value(staying)) == (b"2", None)


def test_all_of_many_entries_come(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = [f"key {number}" for number in range(6000)]
    for key in keys:
        a.put(key, key.encode() * 20)
    moving = set(range(0, PARTITIONS, 2))
    grid.move(a, b, moving)
    for key in keys:
        home = b if partition_of("default", key) in moving else a
        assert home.read(key) == key.encode() * 20


def test_large_bodies_come_whole(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = keys_in(7, 3)
    values = [bytes([number]) * (3 * MIB + number) for number in range(3)]
    for key, value in zip(keys, values, strict=True):
        a.put(key, value)
    grid.move(a, b, [7])
    assert [b.read(key) for key in keys] == values


def test_long_keys_come(grid: Grid) -> None:
    a, b = grid.nodes.values()
    key = "k" * 5000
    a.put(key, b"value")
    grid.move(a, b, [partition_of("default", key)])
    assert b.read(key) == b"value"


def test_an_entry_of_before_the_grid_comes_along(store_dir: Path) -> None:
    with views(store_dir) as grid:
        a, b = grid.add("a"), grid.add("b")
        (key,) = keys_in(7)
        a.plant(key, b"old", Stamp())
        b.plant(key, b"stray", Stamp())
        grid.give_all(a)
        assert a.read(key) == b"old"
        grid.move(a, b, [7])
        assert b.read(key) == b"old"


def test_what_does_not_count_stays_behind(grid: Grid) -> None:
    a, b = grid.nodes.values()
    stale, immutable, due = keys_in(7, 3)
    a.plant(stale, b"1", Stamp(99))
    a.keep(immutable, b"2")
    a.put(due, b"3", ttl_s=1e-3)
    time.sleep(2e-3)
    grid.move(a, b, [7])
    assert [b.entry(key) for key in (stale, immutable, due)] == [None] * 3


def test_tombstones_and_marks_come_along(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value", replicas=2)
    assert a.delete(key)
    grid.move(a, b, [7])
    entry = b.entry(key)
    assert entry is not None
    assert entry.stamp.flags == REPLICATED | TOMBSTONE
    assert entry.expires
    assert b.standing.is_replicated(7)
    assert not b.standing.is_replicated(8)


def test_known_writes_and_the_directory_come_along(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key, gone), (other,) = keys_in(7, 2), keys_in(8)
    a.put(key, b"value", token=77)
    records = {key: Record(2, 5, 6, 0.0, (1, 3)), gone: Record(4, deleted=time.time())}
    a.save(records | {other: Record(1, 0, 0, 0.0, (1,))})
    grid.move(a, b, [7])
    assert {one: b.load(one) for one in (key, gone)} == records
    assert b.load(other) is None
    b.put(key, b"again", token=77)
    assert b.read(key) == b"value"


def test_a_write_known_elsewhere_under_another_ownership_is_not_taken_as_done(
    grid: Grid,
) -> None:
    a, b = grid.nodes.values()
    moving, other = keys_in(7)[0], keys_in(8)[0]
    b.store.transact(lambda txn: note_done(txn, 77, 5))
    a.store.transact(lambda txn: note_done(txn, 78, a.standing.copy_term(8)))
    a.put(other, b"other", token=79)
    grid.move(a, b, [7])
    for token in (77, 78, 79):
        b.put(moving, b"%d" % token, token=token)
        assert b.read(moving) == b"%d" % token


def test_the_directory_of_long_keys_comes_along(grid: Grid) -> None:
    a, b = grid.nodes.values()
    key, record = "k" * 5000, Record(2, 5, 6, 0.0, (1, 3))
    a.save({key: record})
    grid.move(a, b, [partition_of("default", key)])
    assert b.load(key) == record


def test_namespaces_have_other_numbers_elsewhere(grid: Grid) -> None:
    a, b = grid.nodes.values()
    a.space = a.store.namespace(Namespace("first", policy="lfu", ttl_s=50.0))
    for name in ("other", "another", "first"):
        b.space = b.store.namespace(Namespace(name))
    assert a.space.id != b.space.id
    (key,) = keys_in(7, space="first")
    a.put(key, b"value")
    a.save({key: Record(1, 0, 0, 0.0, (5,))})
    grid.move(a, b, [7])
    assert b.value(key) == b"value"
    assert b.load(key) == Record(1, 0, 0, 0.0, (5,))


def test_a_namespace_is_made_as_it_is_at_the_source(grid: Grid) -> None:
    a, b = grid.nodes.values()
    a.space = a.store.namespace(Namespace("new", policy="lfu", ttl_s=50.0))
    a.put(keys_in(7, space="new")[0], b"value")
    grid.move(a, b, [7])
    made = {space.name: space for space in b.store.namespaces()}["new"]
    assert (made.policy, made.ttl_s) == ("lfu", 50.0)


def test_what_has_no_end_at_the_source_has_none_at_the_target(grid: Grid) -> None:
    a, b = grid.nodes.values()
    for node in (a, b):
        node.space = node.store.namespace(Namespace("short", ttl_s=50.0))
    (key,) = keys_in(7, space="short")
    a.put(key, b"value")
    a.store.change(a.space, key, forever=True)
    grid.move(a, b, [7])
    entry = b.entry(key)
    assert entry is not None
    assert entry.expires == 0.0


def test_a_node_that_stops_takes_nothing_more(grid: Grid) -> None:
    a, b = grid.nodes.values()
    a.put(keys_in(7)[0], b"value")
    grid.begin_moves(a, b, [7])
    b.handover.stop()
    assert b.handover.pull_moves(grid.view) == []


def test_pulling_again_changes_nothing(grid: Grid) -> None:
    a, b = grid.nodes.values()
    small, large = keys_in(7, 2)
    a.put(small, b"1")
    a.put(large, b"2" * (2 * MIB))
    grid.begin_moves(a, b, [7])
    done = b.handover.pull_moves(grid.view)
    before = b.entry(small), b.entry(large)
    assert b.handover.pull_moves(grid.view) == done
    assert (b.entry(small), b.entry(large)) == before


def test_a_source_whose_view_is_older_gives_when_it_has_the_newer_one(
    grid: Grid,
) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value")
    grid.begin_moves(a, b, [7], only=[b])
    with ThreadPoolExecutor(1) as thread:
        pulled = thread.submit(b.handover.pull_moves, grid.view)
        a.install(grid.view)
        grid.finish(pulled.result())
    assert b.read(key) == b"value"


def test_a_move_that_the_view_has_dropped_is_not_carried_out(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value")
    grid.begin_moves(a, b, [7])
    dropped = grid.view
    grid.publish(moves=())
    assert b.handover.pull_moves(dropped) == []
    assert a.read(key) == b"value"
    a.put(key, b"next")
    grid.move(a, b, [7])
    assert b.read(key) == b"next"
