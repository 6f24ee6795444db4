"""The grid's protocol as a model: every read can be explained, whatever mixes.

The rules and the reasons for them: docs/explain/grid-protocol.md. Runs are drawn
by seed; `replay` repeats one by its schedule.
"""

from itertools import islice
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cluster.protocol.history import History
from tests.cluster.protocol.mixtures import EVENTS, STARTS, mix
from tests.cluster.protocol.rules import Rules
from tests.cluster.protocol.scenarios import SCENARIOS, violations
from tests.cluster.protocol.world import World

RUNS = 150
"""Of each scenario."""
ENOUGH = 6000
"""Runs in which every broken rule shows."""


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_read_can_be_explained(scenario: str) -> None:
    for world in islice(violations(SCENARIOS[scenario], Rules()), RUNS):
        assert world is None, f"{world.schedule}\n{world.history}"


@given(
    start=st.sampled_from(sorted(STARTS)),
    events=st.lists(st.sampled_from(sorted(EVENTS)), max_size=10),
    seed=st.integers(0, 1 << 32),
)
@settings(max_examples=300)
def test_no_mixture_of_events_shows_a_value_that_is_gone(
    start: str, events: list[str], seed: int
) -> None:
    world = World(Rules())
    mix(world, start, [*events, "read at b", "read at c"])
    world.run(Random(seed))
    assert world.history.legal, f"{world.schedule}\n{world.history}"


BROKEN = {
    "reads do not look again": ("paused_reader", Rules(check_after_copy=False)),
    "the term is looked at first": ("paused_reader", Rules(deadline_before_term=False)),
    "a write ignores the lease": ("cut_off_home", Rules(lease_in_transaction=False)),
    "the membership does not wait": ("remote_write_lost", Rules(wait_for_lease=False)),
    "the lease comes before the terms": (
        "cut_off_home",
        Rules(terms_before_lease=False),
    ),
    "an old view is installed": ("late_view", Rules(newer_views_only=False)),
    "the source goes on writing": ("handed_over", Rules(freeze=False)),
    "a term is given again": (
        "backup_returns",
        Rules(fresh_terms=False, promote_ready_only=False),
    ),
    "an unready backup is promoted": (
        "backup_replaced",
        Rules(promote_ready_only=False),
    ),
    "a request names no term": ("late_request", Rules(request_term=False)),
    "the copies may change before the commit": (
        "backup_returns",
        Rules(copies_in_transaction=False),
    ),
    "a copy takes any message": ("late_copy", Rules(copy_terms=False)),
    "an outranked write is dropped at the backup": (
        "late_copy",
        Rules(raise_order=False),
    ),
    "equal orders are taken as they come": ("backed_up_tie", Rules(break_ties=False)),
    "no tokens": ("answer_lost", Rules(tokens=False)),
    "tokens stay where they are": ("cut_off_with_backup", Rules(tokens_travel=False)),
    "a token outlives what it wrote": (
        "noted_in_vain",
        Rules(notes_have_terms=False),
    ),
    "a token is at work twice": ("asked_twice", Rules(one_at_a_time=False)),
    "a lost write is made again": ("seen_and_lost", Rules(lost_is_unknown=False)),
    "an absent key is the home's affair": (
        "evicted_at_home",
        Rules(absent_reaches_backup=False),
    ),
    "no tombstones": ("backup_replaced", Rules(tombstones=False)),
    "a move to a backup has a new term": (
        "moved_onto_backup",
        Rules(move_onto_copy=False),
    ),
    "a dropped move leaves the copy's term": (
        "moved_onto_spare",
        Rules(void_copies=False),
    ),
}


@pytest.mark.parametrize("mistake", BROKEN)
def test_the_model_finds_the_mistake(mistake: str) -> None:
    scenario, rules = BROKEN[mistake]
    found = violations(SCENARIOS[scenario], rules)
    assert any(world is not None for world in islice(found, ENOUGH))


def test_a_value_that_was_read_after_its_successor_is_illegal() -> None:
    history = History()
    for value in ("old", "new"):
        history.end(history.begin("put", value))
    for value in ("new", "old"):
        history.end(history.begin("read"), value)
    assert not history.legal


def test_a_pending_write_may_have_happened_or_not() -> None:
    history = History()
    history.begin("put", "v")
    history.end(history.begin("read"), None)
    assert history.legal
    history.end(history.begin("read"), "v")
    assert history.legal
    history.end(history.begin("read"), None)
    assert not history.legal


@pytest.mark.parametrize(
    ("copies", "all_copies", "legal"),
    [(1, False, True), (2, False, False), (2, True, True)],
)
def test_a_miss_needs_a_loss_of_what_was_stored(
    copies: int, all_copies: bool, legal: bool
) -> None:
    history = History()
    history.end(history.begin("put", "v", copies))
    history.loss(all_copies=all_copies)
    history.end(history.begin("read"), None)
    assert history.legal is legal


def test_what_was_lost_does_not_come_back() -> None:
    history = History()
    history.end(history.begin("put", "v"))
    history.loss(all_copies=True)
    history.end(history.begin("read"), None)
    history.end(history.begin("read"), "v")
    assert not history.legal
