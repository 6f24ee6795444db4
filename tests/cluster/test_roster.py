"""Roster: joins, losses, moves, drains and restarts, one at a time."""

import numpy as np
import pytest

from gridcache.cluster.leases import DRIFT, GRACE_S, LEASE_S, MARGIN_S
from gridcache.cluster.moving import BATCH
from gridcache.cluster.placement import NOBODY, PARTITIONS
from gridcache.cluster.roster import NotMember, NotYet, Roster
from tests.cluster.roster_world import (
    GIB,
    count,
    fill_backups,
    fill_once,
    finish_moves,
    info,
    join,
    pairs,
)

OVER_S = LEASE_S * (1 + DRIFT) + MARGIN_S
LATER_S = 5.0
"""No lease of 0.0 holds, and nobody has been silent for long."""


@pytest.fixture(scope="module")
def saved() -> bytes:
    roster = Roster("g")
    for name in ("a", "b", "c"):
        join(roster, name)
        finish_moves(roster)
        fill_backups(roster)
    assert roster.view.replicated
    return roster.save()


@pytest.fixture
def three(saved: bytes) -> Roster:
    """Members 1, 2, 3 on their own hosts, balanced, every backup ready."""
    return Roster.load(saved, -OVER_S)


def test_the_first_member_owns_everything_at_once() -> None:
    roster = Roster("g")
    member = join(roster, "a")
    assert count(roster.view, member.number) == PARTITIONS
    assert len(set(roster.view.terms.tolist())) == PARTITIONS
    assert roster.view.moves == ()
    assert set(roster.view.backups.tolist()) == {NOBODY}


def test_a_join_moves_its_share_in_batches_and_takes_nothing_before() -> None:
    roster = Roster("g")
    join(roster, "a")
    join(roster, "b")
    assert len(roster.view.moves) == BATCH
    assert count(roster.view, 1) == PARTITIONS
    assert finish_moves(roster) == PARTITIONS // 2
    assert count(roster.view, 2) == PARTITIONS // 2


def test_members_get_partitions_by_their_capacity() -> None:
    roster = Roster("g")
    join(roster, "a", gib=3)
    join(roster, "b", gib=1)
    finish_moves(roster)
    assert (count(roster.view, 1), count(roster.view, 2)) == (3072, 1024)


def test_a_partition_that_cannot_have_a_backup_yet_gets_one_after_its_move() -> None:
    roster = Roster("g")
    join(roster, "a")
    join(roster, "b")
    staying = roster.view.backups != NOBODY
    assert staying.sum() == PARTITIONS // 2
    before = roster.view.backup_terms.copy()
    finish_moves(roster)
    assert (roster.view.backup_terms[staying] == before[staying]).all()
    assert (roster.view.backups != roster.view.owners).all()
    assert (roster.view.backups != NOBODY).all()


def test_a_store_that_remembers_its_number_is_the_same_member(three: Roster) -> None:
    before = three.view
    assert join(three, "b", number=2) is before.member(2)
    assert three.view is before


def test_a_node_that_is_back_on_another_port_keeps_its_partitions(
    three: Roster,
) -> None:
    before = three.view
    back = join(three, "b", host="elsewhere", number=2)
    assert (back.number, back.host) == (2, "elsewhere")
    assert three.view.epoch == before.epoch + 1
    assert (three.view.terms == before.terms).all()
    assert three.view.moves == ()


def test_a_second_store_of_a_name_waits_until_the_first_serves_nothing(
    three: Roster,
) -> None:
    three.renew(2, 5.0)
    answer = three.join(info("b"), 6.0)
    assert answer == NotYet(5.0 + OVER_S, "b")
    assert three.view.member(2) is not None
    member = join(three, "b", 5.0 + OVER_S)
    assert member.number == 4
    assert three.view.member(2) is None


def test_a_number_of_another_name_is_not_taken_over(three: Roster) -> None:
    assert join(three, "d", number=2).number == 4
    assert three.view.member(2) is not None


def test_renewing_grants_a_lease_and_tells_the_epoch(three: Roster) -> None:
    grant = three.renew(1, 1.0)
    assert not isinstance(grant, NotMember)
    assert (grant.number, grant.lease_s, grant.epoch) == (1, LEASE_S, three.view.epoch)


def test_who_was_removed_gets_no_lease(three: Roster) -> None:
    three.lost({"ray-a"}, LATER_S)
    assert three.renew(1, LATER_S) == NotMember(1)


def test_a_dead_node_keeps_everything_until_its_lease_is_over(three: Roster) -> None:
    three.renew(1, 1.0)
    before = three.view
    assert three.lost({"ray-a"}, 1.0 + OVER_S - 0.001) == ()
    assert three.view is before
    assert [one.name for one in three.lost({"ray-a"}, 1.0 + OVER_S)] == ["a"]


def test_a_silent_node_is_removed_after_the_grace(three: Roster) -> None:
    for number in (1, 2, 3):
        three.renew(number, 7.0)
    three.renew(2, 9.0)
    three.renew(3, 9.0)
    assert three.lost((), 7.0 + GRACE_S - 0.001) == ()
    assert [one.number for one in three.lost((), 7.0 + GRACE_S)] == [1]


def test_ready_backups_become_owners_under_their_terms(three: Roster) -> None:
    before = three.view
    was = before.owners == 1
    three.lost({"ray-a"}, LATER_S, wall_s=123.0)
    after = three.view
    assert (after.owners[was] == before.backups[was]).all()
    assert (after.terms[was] == before.backup_terms[was]).all()
    assert (after.lost_epochs[was] == after.epoch).all()
    assert (after.lost_at[was] == 123.0).all()
    assert not after.empty_epochs.any()
    assert not after.lost_epochs[~was].any()
    assert not after.ready[was].any()


def test_without_a_ready_backup_a_lost_partition_begins_empty() -> None:
    roster = Roster("g")
    join(roster, "a")
    join(roster, "b")
    finish_moves(roster)
    before = roster.view
    roster.lost({"ray-a"}, LATER_S)
    was = before.owners == 1
    assert (roster.view.owners == 2).all()
    assert (roster.view.terms[was] > before.terms.max()).all()
    assert (roster.view.empty_epochs[was] == roster.view.epoch).all()


def test_two_nodes_lost_together_lose_only_what_both_had(three: Roster) -> None:
    before = three.view
    three.lost({"ray-a", "ray-b"}, LATER_S)
    both = np.isin(before.owners, [1, 2]) & np.isin(before.backups, [1, 2])
    assert ((three.view.empty_epochs != 0) == both).all()
    assert (three.view.owners == 3).all()


def test_all_nodes_lost_leave_nobody_and_the_next_one_begins_empty(
    three: Roster,
) -> None:
    last = three.view.terms.max()
    three.lost({"ray-a", "ray-b", "ray-c"}, LATER_S)
    assert set(three.view.owners.tolist()) == {NOBODY}
    assert set(three.view.terms.tolist()) == {0}
    join(three, "d", 51.0)
    assert count(three.view, 4) == PARTITIONS
    assert three.view.terms.min() > last
    assert (three.view.empty_epochs == three.view.epoch - 1).all()


@pytest.mark.parametrize("dead", ["a", "d"])
def test_moves_from_or_to_a_lost_node_are_dropped(three: Roster, dead: str) -> None:
    join(three, "d", 1.0)
    number = 1 if dead == "a" else 4
    of_dead = [one for one in three.view.moves if number in (one.source, one.target)]
    assert of_dead
    three.lost({f"ray-{dead}"}, LATER_S)
    late = [(move.partition, move.term) for move in of_dead]
    assert three.moved(4, late) == ()
    assert not set(three.view.moves) & set(of_dead)


def test_a_repeated_report_of_a_move_is_accepted_again(three: Roster) -> None:
    join(three, "d")
    move = three.view.moves[0]
    for _ in range(2):
        assert three.moved(4, [(move.partition, move.term)]) == (move.partition,)
    assert three.moved(3, [(move.partition, move.term)]) == ()


def test_a_move_keeps_the_ready_backup(three: Roster) -> None:
    before = three.view
    join(three, "d")
    finish_moves(three)
    moved = three.view.owners == 4
    assert three.view.ready[moved].all()
    assert (three.view.backup_terms[moved] == before.backup_terms[moved]).all()


def test_a_report_about_a_replaced_backup_is_refused(three: Roster) -> None:
    stale = pairs(three.view, three.view.backups == 3)[:5]
    partition = stale[0][0]
    owner = int(three.view.owners[partition])
    three.lost({"ray-c"}, LATER_S)
    assert three.backed_up(owner, stale) == ()
    other = 3 - owner
    fresh = pairs(three.view, three.view.owners == owner)[:5]
    assert three.backed_up(other, fresh) == ()
    assert len(three.backed_up(owner, fresh)) == 5


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
