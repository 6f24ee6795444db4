"""Immutable entries: a home that was lost hears of them again."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from gridcache.cluster.home.directory import Record
from gridcache.cluster.home.home import Held
from gridcache.cluster.streams.session import Session
from gridcache.cluster.streams.wire import Answer, Meta
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.store.records import Stamp
from tests.cluster.kit.nodes import Grid, keys_in, views


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        for name in "abc":
            grid.add(name)
        grid.give_all(grid.nodes["a"])
        yield grid


def test_copies_are_registered_after_a_join(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (key,) = keys_in(7)
    b.keep(key, b"value")
    c.keep(key, b"value")
    for node in (a, b, c):
        assert node.handover.reregister(grid.view)
    record = a.load(key)
    assert record is not None
    assert set(record.holders) == {b.number, c.number}
    assert record.nbytes == len(b"value")
    assert isinstance(a.read(key), Held)


def test_a_node_registers_what_it_holds_itself(grid: Grid) -> None:
    a = grid.nodes["a"]
    (key,) = keys_in(7)
    a.keep(key, b"value")
    assert a.handover.reregister(grid.view)
    record = a.load(key)
    assert record is not None
    assert record.holders == (a.number,)


def test_copies_are_registered_again_after_their_home_was_lost(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    keys = keys_in(7, 3)
    for key in keys:
        c.keep(key, b"value", edition=2)
    assert c.handover.reregister(grid.view)
    grid.lose(a, b)
    assert [b.load(key) for key in keys] == [None] * 3
    assert c.handover.reregister(grid.view)
    for key in keys:
        found = b.read(key)
        assert isinstance(found, Held)
        assert found.holders == (c.number,)


def test_the_directory_of_a_moved_partition_needs_no_registration(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.keep(key, b"value")
    assert c.handover.reregister(grid.view)
    grid.move(a, b, [7])
    b.server.close()
    assert c.handover.reregister(grid.view)
    record = b.load(key)
    assert record is not None
    assert record.holders == (c.number,)


def test_a_home_that_is_away_is_told_the_next_time(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.keep(key, b"value")
    c.peers.cut(a.address)
    assert not c.handover.reregister(grid.view)
    c.peers.mend(a.address)
    assert c.handover.reregister(grid.view)
    assert isinstance(a.read(key), Held)


def test_a_home_that_is_another_one_now_refuses(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (kept,), (moved,) = keys_in(7), keys_in(8)
    c.keep(kept, b"value")
    c.keep(moved, b"value")
    older = grid.view
    grid.move(a, b, [8])
    assert not c.handover.reregister(older)
    assert isinstance(a.read(kept), Held)
    assert b.load(moved) is None
    assert c.handover.reregister(grid.view)
    assert isinstance(b.read(moved), Held)


def test_a_copy_that_was_deleted_while_its_holder_was_away_is_dropped(
    grid: Grid,
) -> None:
    a, b, c = grid.nodes.values()
    deleted, present = keys_in(7, 2)
    for key in (deleted, present):
        c.keep(key, b"value", edition=1)
    assert c.handover.reregister(grid.view)
    a.peers.cut(c.address)
    assert a.delete(deleted)
    grid.move(a, b, [7])
    grid.publish(lost_epochs=np.full(PARTITIONS, grid.view.epoch, np.int64))
    assert c.handover.reregister(grid.view)
    assert (c.value(deleted), c.value(present)) == (None, b"value")
    assert isinstance(b.read(present), Held)
    assert not isinstance(b.read(deleted), Held)


def test_a_newer_copy_than_the_deleted_one_stays(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    (key,) = keys_in(7)
    a.save({key: Record(3, deleted=time.time())})
    c.keep(key, b"value", edition=3)
    assert c.handover.reregister(grid.view)
    assert c.value(key) == b"value"
    assert isinstance(a.read(key), Held)


def test_holders_that_left_are_forgotten(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    (key,) = keys_in(7)
    a.save({key: Record(0, 0, 0, 0.0, (99, 2))})
    c.keep(key, b"value")
    assert c.handover.reregister(grid.view)
    record = a.load(key)
    assert record is not None
    assert record.holders == (2, c.number)


def test_many_entries_are_registered_in_few_messages(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    keys = [f"key {number}" for number in range(2500)]
    for key in keys:
        c.keep(key, b"value")
    asked: list[int] = []
    handler = a.service.handlers["register_many"]

    def counted(session: Session, meta: Meta, buffers: list[memoryview]) -> Answer:
        asked.append(len(meta["items"]))
        return handler(session, meta, buffers)

    a.service.handlers["register_many"] = counted
    assert c.handover.reregister(grid.view)
    assert sorted(asked) == [500, 1000, 1000]
    assert all(a.load(key) for key in keys)


def test_mutable_entries_are_not_registered(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.plant(key, b"value", Stamp(5))
    assert c.handover.reregister(grid.view)
    assert a.load(key) is None


def test_a_node_that_is_another_member_now_registers_as_that(grid: Grid) -> None:
    a, _, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.keep(key, b"value")
    assert c.handover.reregister(grid.view)
    c.number = 44
    grid.publish()
    assert c.handover.reregister(grid.view)
    record = a.load(key)
    assert record is not None
    assert record.holders == (44,)
