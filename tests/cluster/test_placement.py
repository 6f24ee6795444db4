"""Placement: balance, few moves, backups that a loss of the owner leaves alone."""

from collections.abc import Mapping

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from gridcache.cluster.table.placement import (
    NOBODY,
    PARTITIONS,
    Int32s,
    partition_of,
    plan,
    plan_backups,
)
from gridcache.store.records import entry_key

weights = st.dictionaries(
    st.integers(1, 60), st.floats(0.1, 10.0), min_size=1, max_size=12
)
few = settings(max_examples=25)


def counts(planned: Int32s, members: Mapping[int, float]) -> dict[int, int]:
    return {member: int((planned == member).sum()) for member in members}


def shares(members: Mapping[int, float]) -> dict[int, float]:
    total = sum(members.values())
    return {one: weight / total * PARTITIONS for one, weight in members.items()}


def fewest_moves(members: Mapping[int, float], owners: Int32s) -> int:
    """Least number of changes of any plan within one of every share."""
    share, held = shares(members), counts(owners, members)
    floors = {member: int(np.floor(share[member])) for member in members}
    spare = PARTITIONS - sum(floors.values())
    may_keep_one_more = sum(
        held[one] > floors[one] and share[one] > floors[one] for one in members
    )
    kept = sum(min(held[one], floors[one]) for one in members)
    return PARTITIONS - kept - min(spare, may_keep_one_more)


@given(members=weights)
@few
def test_every_member_gets_its_share_or_one_more(members: dict[int, float]) -> None:
    planned = counts(plan(members), members)
    assert sum(planned.values()) == PARTITIONS
    for member, share in shares(members).items():
        assert abs(planned[member] - share) < 1 + 1e-9


@given(before=weights, after=weights)
@few
def test_no_balanced_plan_changes_fewer_owners(
    before: dict[int, float], after: dict[int, float]
) -> None:
    owners = plan(before)
    planned = plan(after, owners)
    assert (planned != owners).sum() == fewest_moves(after, owners)


@given(members=weights)
@few
def test_a_plan_that_is_carried_out_asks_for_no_more(members: dict[int, float]) -> None:
    planned = plan(members)
    assert (plan(members, planned) == planned).all()


@given(before=weights, after=weights, done=st.floats(0, 1))
@few
def test_a_plan_half_carried_out_still_ends_after_its_moves(
    before: dict[int, float], after: dict[int, float], done: float
) -> None:
    owners = plan(before)
    planned = plan(after, owners)
    changed = np.flatnonzero(planned != owners)
    part = changed[: int(len(changed) * done)]
    owners[part] = planned[part]
    again = plan(after, owners)
    assert (again != owners).sum() == len(changed) - len(part)


def test_a_thousandth_of_a_thousand_members_moves_at_a_join() -> None:
    members = dict.fromkeys(range(1, 1001), 1.0)
    owners = plan(members)
    planned = plan({**members, 1001: 1.0}, owners)
    moved = planned != owners
    assert moved.sum() == PARTITIONS // 1001
    assert set(planned[moved].tolist()) == {1001}


def test_what_a_lost_member_had_is_spread_over_the_others() -> None:
    members = dict.fromkeys(range(1, 9), 1.0)
    owners = plan(members)
    del members[3]
    planned = plan(members, owners)
    assert (planned[owners != 3] == owners[owners != 3]).all()
    heirs = counts(planned[owners == 3], members)
    assert min(heirs.values()) > 0


def test_a_member_without_weight_gives_everything_away() -> None:
    owners = plan({1: 1.0, 2: 1.0})
    assert set(plan({1: 0.0, 2: 1.0}, owners).tolist()) == {2}


def test_members_without_any_weight_share_equally() -> None:
    assert counts(plan({1: 0.0, 2: 0.0}), {1: 0, 2: 0}) == {1: 2048, 2: 2048}


def test_nobody_owns_anything_in_an_empty_grid() -> None:
    assert set(plan({}).tolist()) == {NOBODY}


def test_a_plan_is_the_same_in_every_process() -> None:
    planned = plan({1: 1.0, 2: 2.0, 3: 1.0})
    assert planned[:12].tolist() == [1, 3, 2, 3, 1, 3, 3, 1, 1, 1, 3, 2]


@pytest.mark.parametrize(
    ("namespace", "key", "partition"),
    [
        ("default", "a", 3506),
        ("default", "b", 188),
        ("", "", 3291),
        ("x", "\udc80", 1775),
    ],
)
def test_the_partition_of_a_key_never_changes(
    namespace: str, key: str, partition: int
) -> None:
    assert partition_of(namespace, key) == partition


@pytest.mark.parametrize("letters", [99, 101, 400, 401, 5000])
@pytest.mark.parametrize("letter", ["x", "ä", "\U0001f600"])
def test_the_partition_of_a_key_is_that_of_its_name_in_the_index(
    letters: int, letter: str
) -> None:
    key = letter * letters
    name = entry_key(0, key)[0][2:]
    assert (
        partition_of("n", key) == xxhash.xxh3_64_intdigest(b"n\0" + name) % PARTITIONS
    )


def test_a_namespace_and_its_key_do_not_run_into_each_other() -> None:
    assert partition_of("ab", "c") != partition_of("a", "bc")


def test_keys_spread_over_all_partitions() -> None:
    hits = np.bincount([partition_of("default", f"key-{n}") for n in range(40_960)])
    assert len(hits) == PARTITIONS
    assert hits.max() < 30


hosts = st.dictionaries(
    st.integers(1, 9), st.sampled_from(["a", "b", "c"]), min_size=1, max_size=6
)


@given(places=hosts, lost=st.integers(1, 9))
@few
def test_backups_are_never_on_the_owner_and_elsewhere_if_possible(
    places: dict[int, str], lost: int
) -> None:
    members = dict.fromkeys(places, 1.0)
    owners = plan(members)
    backups = plan_backups(owners, members, places)
    check_backups(owners, backups, places)
    if len(places) > 1:
        members.pop(lost, None)
        left = {number: places[number] for number in members}
        owners = plan(members, owners)
        again = plan_backups(owners, members, left, backups)
        check_backups(owners, again, left)


def check_backups(owners: Int32s, backups: Int32s, places: Mapping[int, str]) -> None:
    if len(places) == 1:
        assert set(backups.tolist()) == {NOBODY}
        return
    assert (owners != backups).all()
    assert set(backups.tolist()) <= set(places)
    if len(set(places.values())) > 1:
        pairs = set(zip(owners.tolist(), backups.tolist(), strict=True))
        assert all(places[one] != places[other] for one, other in pairs)


def test_only_the_share_of_a_new_member_changes_its_backup() -> None:
    members = {1: 1.0, 2: 1.0, 3: 1.0}
    places = {1: "a", 2: "b", 3: "c", 4: "d"}
    owners = plan(members)
    backups = plan_backups(owners, members, places)
    members[4] = 1.0
    again = plan_backups(owners, members, places, backups)
    assert (again != backups).sum() == PARTITIONS // 4
    assert set(again[again != backups].tolist()) == {4}


@given(places=hosts, change=st.tuples(st.integers(1, 9), st.sampled_from("abc")))
@few
def test_a_plan_of_backups_that_is_carried_out_asks_for_no_more(
    places: dict[int, str], change: tuple[int, str]
) -> None:
    members = dict.fromkeys(places, 1.0)
    owners = plan(members)
    backups = plan_backups(owners, members, places)
    places[change[0]] = change[1]
    members = dict.fromkeys(places, 1.0)
    backups = plan_backups(owners, members, places, backups)
    assert (plan_backups(owners, members, places, backups) == backups).all()


@pytest.mark.parametrize("size", [2, 3, 10, 100])
def test_backups_are_balanced_where_hosts_leave_the_choice(size: int) -> None:
    members = dict.fromkeys(range(size), 1.0)
    places = {number: str(number) for number in range(size)}
    load = counts(plan_backups(plan(members), members, places), members)
    assert max(load.values()) <= 1.02 * PARTITIONS / size + 1


def test_who_may_not_back_up_owns_all_the_same() -> None:
    owners = plan({1: 1.0, 2: 1.0})
    backups = plan_backups(owners, {2: 1.0}, {1: "a", 2: "b"})
    assert set(backups[owners == 1].tolist()) == {2}
    assert set(backups[owners == 2].tolist()) == {NOBODY}
