"""Roster: drains, backups, restarts and balancing."""

from itertools import pairwise

import numpy as np
import pytest

from gridcache.cluster.table.leases import GRACE_S
from gridcache.cluster.table.moving import BATCH
from gridcache.cluster.table.placement import NOBODY, PARTITIONS
from gridcache.cluster.table.roster import NotMember, NotYet, Roster
from tests.cluster.roster_world import (
    GIB,
    LATER_S,
    OVER_S,
    count,
    fill_backups,
    fill_once,
    finish_moves,
    info,
    join,
    three_members,
)


@pytest.fixture
def three() -> Roster:
    return three_members()


def test_a_drained_node_is_emptied_and_then_removed(three: Roster) -> None:
    member = three.drain("a")
    assert member is not None
    assert member.draining
    assert count(three.view, 1) > 0
    finish_moves(three, filling=True)
    fill_backups(three)
    assert three.view.by_name("a") is None
    assert not np.isin(three.view.backups, [1]).any()
    assert not three.view.lost_epochs.any()
    assert isinstance(three.renew(1, 1.0), NotMember)


def test_a_drain_replaces_backups_before_it_gives_them_up(three: Roster) -> None:
    was = three.view.owners == 1
    three.drain("a")
    assert three.view.ready.all()
    finish_moves(three, filling=True)
    assert three.view.ready[was].mean() > 0.95
    fill_backups(three)
    assert three.view.by_name("a") is None
    assert three.view.replicated


def test_backups_are_spread_after_a_join_and_ready_all_the_while(
    three: Roster,
) -> None:
    join(three, "d")
    while three.view.moves:
        finish_moves(three)
        assert three.view.ready.all()
    assert (three.view.spares == 4).sum() == BATCH
    while fill_once(three):
        assert three.view.ready.all()
    assert (three.view.backups == 4).sum() == PARTITIONS // 4
    assert set(three.view.spares.tolist()) == {NOBODY}


def test_a_spare_takes_the_place_of_a_lost_backup(three: Roster) -> None:
    join(three, "d")
    finish_moves(three)
    before = three.view
    spared = (before.spares == 4) & (before.backups == 2)
    assert spared.any()
    three.lost({"ray-b"}, LATER_S)
    assert (three.view.backups[spared] == 4).all()
    assert (three.view.backup_terms[spared] == before.spare_terms[spared]).all()
    assert not three.view.ready[spared].any()


def test_a_promoted_backup_has_the_spare_as_its_backup(three: Roster) -> None:
    join(three, "d")
    finish_moves(three)
    before = three.view
    spared = (before.spares == 4) & (before.owners == 1)
    assert spared.any()
    three.lost({"ray-a"}, LATER_S)
    assert (three.view.owners[spared] == before.backups[spared]).all()
    assert (three.view.backups[spared] == 4).all()
    assert not three.view.ready[spared].any()


def test_nothing_moves_to_a_node_that_drains(three: Roster) -> None:
    join(three, "d")
    three.drain("d")
    assert three.view.by_name("d") is None
    assert three.view.moves == ()


def test_draining_an_unknown_name_is_told(three: Roster) -> None:
    assert three.drain("nobody") is None
    three.drain("a")
    assert three.drain("a") is three.view.by_name("a")


def test_the_last_node_drains_only_once_there_is_another() -> None:
    roster = Roster("g")
    join(roster, "a")
    roster.drain("a")
    assert count(roster.view, 1) == PARTITIONS
    join(roster, "b")
    finish_moves(roster)
    assert [member.name for member in roster.view.members] == ["b"]


def test_a_saved_roster_goes_on_as_it_was(three: Roster) -> None:
    join(three, "d")
    three.drain("b")
    loaded = Roster.load(three.save(), 100.0)
    assert loaded.save() == three.save()
    assert loaded.view.pack() == three.view.pack()
    finish_moves(three)
    finish_moves(loaded)
    assert loaded.save() == three.save()
    assert join(loaded, "e").number == 5


def test_after_a_restart_nothing_is_taken_before_every_lease_is_over(
    three: Roster,
) -> None:
    loaded = Roster.load(three.save(), 100.0)
    assert loaded.lost({"ray-a"}, 100.0 + OVER_S - 0.001) == ()
    assert isinstance(loaded.join(info("a"), 102.0), NotYet)
    assert loaded.lost({"ray-a"}, 100.0 + OVER_S)


def test_after_a_restart_the_grace_begins_anew(three: Roster) -> None:
    loaded = Roster.load(three.save(), 100.0)
    assert loaded.lost((), 100.0 + GRACE_S - 0.001) == ()
    assert len(loaded.lost((), 100.0 + GRACE_S)) == 3


def report(roster: Roster, free: dict[int, float], now_s: float) -> int:
    for number, part in free.items():
        roster.renew(number, now_s, free_nbytes=int(part * GIB))
    return roster.rebalance(now_s)


def test_a_nearly_full_node_gives_partitions_to_idle_ones(three: Roster) -> None:
    before = three.view
    assert report(three, {1: 0.05, 2: 0.9, 3: 0.9}, 100.0) > 0
    assert {move.source for move in three.view.moves} == {1}
    finish_moves(three)
    given = count(before, 1) - count(three.view, 1)
    assert 0 < given <= 0.11 * count(before, 1)
    assert count(three.view, 2) > count(before, 2)
    assert count(three.view, 3) > count(before, 3)


def test_balancing_waits_until_reports_show_what_it_did(three: Roster) -> None:
    fills = {1: 0.05, 2: 0.9, 3: 0.9}
    assert report(three, fills, 100.0) > 0
    finish_moves(three)
    assert report(three, fills, 101.0) == 0
    assert three.rebalance(200.0) == len(three.view.moves) > 0
    assert report(three, fills, 300.0) == 0, "moves are under way"


@pytest.mark.parametrize(
    "free",
    [
        {1: 0.5, 2: 0.9, 3: 0.9},
        {1: 0.05, 2: 0.1, 3: 0.1},
        {1: 0.05},
        {},
    ],
    ids=["not full", "all full", "one report", "no report"],
)
def test_balancing_does_nothing_without_need(
    three: Roster, free: dict[int, float]
) -> None:
    before = three.view
    assert report(three, free, 100.0) == 0
    assert three.view is before


def test_balancing_comes_to_rest_where_load_is_even(three: Roster) -> None:
    """Partitions of member 1 are four times as heavy as the others."""
    heavy = three.view.owners == 1
    size = np.where(heavy, 4.0, 1.0)
    size *= 1.9 / size.sum()
    moved = []
    for round_ in range(60):
        view = three.view
        free = {n: max(1 - size[view.owners == n].sum(), 0.0) for n in (1, 2, 3)}
        report(three, free, 100.0 + 20 * round_)
        moved.append(finish_moves(three))
    fills = [size[three.view.owners == n].sum() for n in (1, 2, 3)]
    assert max(fills) < 0.9
    assert moved[-20:] == [0] * 20


def test_a_join_after_balancing_does_not_undo_it(three: Roster) -> None:
    report(three, {1: 0.05, 2: 0.9, 3: 0.9}, 100.0)
    finish_moves(three)
    shifted = count(three.view, 1)
    join(three, "d", 101.0)
    assert {move.target for move in three.view.moves} == {4}
    finish_moves(three)
    assert count(three.view, 1) < shifted


def test_a_node_that_grew_gets_more(three: Roster) -> None:
    before = count(three.view, 2)
    join(three, "b", gib=4, number=2)
    finish_moves(three)
    assert count(three.view, 2) == pytest.approx(PARTITIONS * 4 / 6, abs=1)
    assert count(three.view, 2) > before


def test_one_heavy_partition_stays_where_it_is_nearly_always(three: Roster) -> None:
    """Whoever has it is full, and gives others away."""
    size = np.full(PARTITIONS, 0.3 / PARTITIONS)
    size[7] = 0.9
    owners = []
    for round_ in range(40):
        view = three.view
        free = {n: max(1 - size[view.owners == n].sum(), 0.0) for n in (1, 2, 3)}
        report(three, free, 1000.0 * round_)
        finish_moves(three)
        owners.append(int(three.view.owners[7]))
    changes = sum(one != other for one, other in pairwise(owners))
    assert changes < 10


def test_balancing_that_does_not_help_becomes_rare(three: Roster) -> None:
    fills = {1: 0.05, 2: 0.9, 3: 0.9}
    rounds = 0
    for second in range(0, 3600, 5):
        rounds += report(three, fills, 1000.0 + second) > 0
        finish_moves(three)
    assert 0 < rounds < 15
