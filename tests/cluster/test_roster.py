"""Roster: joins, leases, losses and moves, one at a time."""

import numpy as np
import pytest

from gridcache.cluster.table.leases import GRACE_S, LEASE_S
from gridcache.cluster.table.moving import BATCH
from gridcache.cluster.table.placement import NOBODY, PARTITIONS
from gridcache.cluster.table.roster import NotMember, NotYet, Roster
from tests.cluster.roster_world import (
    LATER_S,
    OVER_S,
    count,
    finish_moves,
    info,
    join,
    pairs,
    three_members,
)


@pytest.fixture
def three() -> Roster:
    return three_members()


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
