"""A node that goes gives away what only it has."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from gridcache.cluster.home.home import Held
from gridcache.store.records import IMMUTABLE, Stamp
from tests.cluster.kit.nodes import Grid, keys_in, views

MIB = 1 << 20
LIMIT_S = 20.0


@pytest.fixture
def grid(store_dir: Path) -> Iterator[Grid]:
    with views(store_dir) as grid:
        for name in "abc":
            grid.add(name)
        grid.give_all(grid.nodes["a"])
        yield grid


def test_what_only_this_node_has_goes_and_is_found_where_it_went(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    values = {f"key {number}": bytes([number]) * 5000 for number in range(50)}
    values["large"] = b"x" * (3 * MIB)
    for key, value in values.items():
        c.keep(key, value, edition=1)
    assert c.handover.reregister(grid.view)
    given = c.handover.hand_over_copies(LIMIT_S)
    assert (given.entries, given.kept, given.done) == (len(values), 0, True)
    assert given.nbytes >= sum(map(len, values.values()))
    for key, value in values.items():
        record = a.load(key)
        assert record is not None
        (other,) = set(record.holders) - {c.number}
        assert {a.number: a, b.number: b}[other].value(key) == value


def test_what_others_have_too_stays(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (key,) = keys_in(7)
    for node in (b, c):
        node.keep(key, b"value")
        assert node.handover.reregister(grid.view)
    given = c.handover.hand_over_copies(LIMIT_S)
    assert (given.entries, given.kept, given.done) == (0, 0, True)
    assert a.value(key) is None


def test_a_copy_at_a_node_that_left_does_not_count(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.keep(key, b"value")
    assert c.handover.reregister(grid.view)
    record = a.load(key)
    assert record is not None
    a.save({key: replace(record, holders=(99, c.number))})
    assert c.handover.hand_over_copies(LIMIT_S).entries == 1
    assert b"value" in {a.value(key), b.value(key)}


def test_a_mutable_value_at_another_node_is_not_overwritten(store_dir: Path) -> None:
    with views(store_dir) as grid:
        a, c = grid.add("a"), grid.add("c")
        grid.give_all(a)
        a.put("key", b"mutable")
        c.keep("key", b"immutable")
        given = c.handover.hand_over_copies(LIMIT_S)
        assert (given.entries, given.kept) == (0, 1)
        assert a.read("key") == b"mutable"


def test_mutable_entries_stay(grid: Grid) -> None:
    _, _, c = grid.nodes.values()
    c.plant("key", b"value", Stamp(5))
    assert c.handover.hand_over_copies(LIMIT_S).entries == 0


def test_the_dearest_bytes_go_first_and_nothing_is_evicted_for_them(
    store_dir: Path,
) -> None:
    with views(store_dir) as grid:
        a, c = grid.add("a", capacity_nbytes=8 * MIB), grid.add("c")
        grid.give_all(a)
        a.put("own", b"y" * MIB)
        for number in range(20):
            c.plant(
                f"key {number}",
                bytes(MIB),
                Stamp(0, 0, IMMUTABLE),
                cost_s=float(number),
            )
        assert c.handover.reregister(grid.view)
        given = c.handover.hand_over_copies(LIMIT_S)
        assert given.entries + given.kept == 20
        assert 0 < given.entries < 8
        went = {number for number in range(20) if a.value(f"key {number}")}
        assert went == set(range(20 - given.entries, 20))
        assert a.read("own") == b"y" * MIB


def test_many_are_dealt_with_in_rounds(
    grid: Grid, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gridcache.cluster.handover.farewell._SORTED", 30)
    monkeypatch.setattr("gridcache.cluster.handover.farewell._ASKED", 7)
    _, _, c = grid.nodes.values()
    for number in range(100):
        c.keep(f"key {number}", b"value")
    assert c.handover.reregister(grid.view)
    given = c.handover.hand_over_copies(LIMIT_S)
    assert (given.entries, given.done) == (100, True)


def test_a_draining_node_gets_nothing(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    members = tuple(
        replace(one, draining=one.number == b.number) for one in grid.view.members
    )
    grid.publish(members=members)
    for number in range(10):
        c.keep(f"key {number}", b"value")
    assert c.handover.reregister(grid.view)
    assert c.handover.hand_over_copies(LIMIT_S).entries == 10
    assert all(a.value(f"key {number}") for number in range(10))


def test_a_node_that_is_away_is_passed_over(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    for number in range(10):
        c.keep(f"key {number}", b"value")
    assert c.handover.reregister(grid.view)
    b.server.close()
    given = c.handover.hand_over_copies(LIMIT_S)
    assert given.entries == 10
    assert all(a.value(f"key {number}") for number in range(10))


def test_a_node_without_others_gives_nothing(store_dir: Path) -> None:
    with views(store_dir) as grid:
        a = grid.add("a")
        grid.give_all(a)
        a.keep("key", b"value")
        assert not a.handover.hand_over_copies(LIMIT_S).done


def test_what_was_deleted_meanwhile_is_dropped_everywhere(grid: Grid) -> None:
    a, b, c = grid.nodes.values()
    (key,) = keys_in(7)
    c.keep(key, b"value")
    assert c.handover.reregister(grid.view)
    for node in (a, b):
        node.peers.cut(c.address)
    assert a.delete(key)
    c.handover.hand_over_copies(LIMIT_S)
    assert [node.value(key) for node in (a, b, c)] == [None] * 3
    assert not isinstance(a.read(key), Held)
