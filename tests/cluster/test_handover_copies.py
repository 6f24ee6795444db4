"""Copies that are filled: all that is replicated, and never something older."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from gridcache.cluster.home.directory import Record
from gridcache.cluster.table.view import View
from gridcache.store.records import REPLICATED, Stamp
from tests.cluster.kit.nodes import Grid, Node, keys_in, views

MIB = 1 << 20


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        grid.add("a")
        grid.add("b")
        grid.give_all(grid.nodes["a"])
        yield grid


def full(view: View, *partitions: int) -> set[tuple[int, int]]:
    """What is reported when these partitions have been filled."""
    return {(one, int(view.backup_terms[one])) for one in partitions}


def promoted(grid: Grid, lost: Node, heir: Node) -> None:
    grid.lose(lost, heir, promote=True)


def test_a_filled_copy_is_read_after_its_owner_was_lost(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = keys_in(7, 3)
    for key in keys:
        a.put(key, key.encode(), replicas=2, tags=("t",), pinned=True)
    view = grid.back_up(b, [7])
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    promoted(grid, a, b)
    assert [b.read(key) for key in keys] == [key.encode() for key in keys]
    entry = b.entry(keys[0])
    assert entry is not None
    assert (entry.tags, entry.pinned) == (("t",), True)


def test_what_has_one_copy_is_not_sent(grid: Grid) -> None:
    a, b = grid.nodes.values()
    single, double = keys_in(7, 2)
    a.put(double, b"2", replicas=2)
    a.plant(single, b"1", Stamp(a.standing.term(7)))
    view = grid.back_up(b, [7])
    a.handover.fill_backups(view)
    assert (b.value(single), b.value(double)) == (None, b"2")


def test_a_partition_with_nothing_replicated_is_full_without_a_message(
    grid: Grid,
) -> None:
    a, b = grid.nodes.values()
    a.put(keys_in(7)[0], b"1")
    view = grid.back_up(b, [7, 8])
    b.server.close()
    assert set(a.handover.fill_backups(view)) == full(view, 7, 8)


def test_many_entries_and_large_ones_are_filled(grid: Grid) -> None:
    a, b = grid.nodes.values()
    values = {key: key.encode() * 30 for key in keys_in(7, 30)}
    values |= dict.fromkeys(keys_in(8, 2), b"x" * (2 * MIB))
    for key, value in values.items():
        a.put(key, value, replicas=2)
    view = grid.back_up(b, [7, 8])
    assert set(a.handover.fill_backups(view)) == full(view, 7, 8)
    assert {key: b.value(key) for key in values} == values


def test_many_partitions_are_filled_in_rounds(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.handover.refill._MOST", 2)
    a, b = grid.nodes.values()
    keys = [keys_in(partition)[0] for partition in range(3)]
    for key in keys:
        a.put(key, b"value", replicas=2)
    view = grid.back_up(b, range(3))
    assert set(a.handover.fill_backups(view)) == full(view, 0, 1)
    ready = view.ready.copy()
    ready[:2] = True
    view = grid.publish(ready=ready)
    assert set(a.handover.fill_backups(view)) == full(view, 2)
    assert [b.value(key) for key in keys] == [b"value"] * 3


def test_an_older_entry_does_not_replace_a_newer_one_at_the_copy(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"old", replicas=2)
    view = grid.back_up(b, [7])
    entry = a.entry(key)
    assert entry is not None
    term = int(view.backup_terms[7])
    b.plant(key, b"new", Stamp(term, entry.stamp.origin + 1, REPLICATED))
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    assert b.value(key) == b"new"


def test_a_copy_of_an_earlier_ownership_is_replaced(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value", replicas=2)
    b.plant(key, b"stray", Stamp(3, 1 << 62, REPLICATED))
    a.handover.fill_backups(grid.back_up(b, [7]))
    assert b.value(key) == b"value"


def test_deletes_are_filled_too(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"value", replicas=2)
    assert a.delete(key)
    view = grid.back_up(b, [7])
    assert a.handover.fill_backups(view)
    b_entry, a_entry = b.entry(key), a.entry(key)
    assert a_entry is not None
    assert b_entry is not None
    assert b_entry.stamp == a_entry.stamp._replace(term=int(view.backup_terms[7]))


def test_known_writes_and_deleted_immutable_keys_are_filled(grid: Grid) -> None:
    a, b = grid.nodes.values()
    key, dropped, held = keys_in(7, 3)
    a.put(key, b"value", replicas=2, token=77)
    deleted = Record(3, deleted=time.time())
    a.save({dropped: deleted, held: Record(0, 0, 0, 0.0, (1,))})
    a.handover.fill_backups(grid.back_up(b, [7]))
    assert (b.load(dropped), b.load(held)) == (deleted, None)
    promoted(grid, a, b)
    b.put(key, b"again", replicas=2, token=77)
    assert b.read(key) == b"value"


def test_a_copy_that_is_away_is_filled_when_it_is_back(grid: Grid) -> None:
    a, b = grid.nodes.values()
    keys = keys_in(7, 20)
    for key in keys:
        a.put(key, b"x" * MIB, replicas=2)
    view = grid.back_up(b, [7])
    a.peers.cut(b.server.address)
    assert a.handover.fill_backups(view) == []
    a.peers.mend(b.server.address)
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    assert all(b.value(key) == b"x" * MIB for key in keys)


def test_a_node_that_is_no_copy_in_its_view_refuses(grid: Grid) -> None:
    a, b = grid.nodes.values()
    kept, refused = keys_in(7)[0], keys_in(8)[0]
    for key in (kept, refused):
        a.put(key, b"value", replicas=2)
    view = grid.back_up(b, [7, 8])
    newer = view.backup_terms.copy()
    newer[8] += 1_000_000
    grid.publish(only=[b], backup_terms=newer)
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    assert (b.value(kept), b.value(refused)) == (b"value", None)


def test_what_is_refused_early_does_not_stop_the_rest(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.handover.parcel._FULL_ITEMS", 2)
    a, b = grid.nodes.values()
    kept, refused = keys_in(7, 9), keys_in(8, 9)
    for key in (*kept, *refused):
        a.put(key, b"value", replicas=2)
    view = grid.back_up(b, [7, 8])
    newer = view.backup_terms.copy()
    newer[8] += 1_000_000
    grid.publish(only=[b], backup_terms=newer)
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    assert [b.value(key) for key in kept] == [b"value"] * 9
    assert [b.value(key) for key in refused] == [None] * 9


def test_a_write_during_a_fill_reaches_the_copy(grid: Grid) -> None:
    a, b = grid.nodes.values()
    (key,) = keys_in(7)
    a.put(key, b"old", replicas=2)
    view = grid.back_up(b, [7])
    a.put(key, b"new", replicas=2)
    assert set(a.handover.fill_backups(view)) == full(view, 7)
    assert b.value(key) == b"new"


def test_a_copy_without_room_does_not_stop_the_fill(store_dir: Path) -> None:
    with views(store_dir) as grid:
        a, b = grid.add("a"), grid.add("b", capacity_nbytes=8 * MIB)
        grid.give_all(a)
        small, large = keys_in(7, 2)
        a.put(small, b"1", replicas=2)
        a.put(large, b"2" * (12 * MIB), replicas=2)
        view = grid.back_up(b, [7])
        assert set(a.handover.fill_backups(view)) == full(view, 7)
        assert (b.value(small), b.value(large)) == (b"1", None)
