"""Roster under any order of events, with nodes that act on late views and leases.

No partition is ever served by two nodes, no term has two meanings, nothing is
taken from a member that may serve it, and the table stays consistent.
"""

from random import Random

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from numpy.typing import NDArray

from gridcache.cluster.table.leases import Leases
from gridcache.cluster.table.moving import BATCH
from gridcache.cluster.table.placement import NOBODY, plan
from gridcache.cluster.table.roster import Roster
from gridcache.cluster.table.view import Member, View
from tests.cluster.roster_world import (
    GIB,
    Node,
    fill_backups,
    fill_once,
    finish_moves,
    info,
    unfilled,
)

NAMES = ("a", "b", "c", "d")


class RosterMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.roster = Roster("g")
        self.now_s = 0.0
        self.nodes: list[Node] = []
        self.dead: set[str] = set()
        self.means = np.zeros((0, 2), np.int64)
        self.seen_epoch = -1
        self.copy_terms: set[int] = set()
        """Terms of copies that are terms of moves too."""

    # What happens to the membership

    @rule(name=st.sampled_from(NAMES), gib=st.integers(1, 3))
    def a_node_joins(self, name: str, gib: int) -> None:
        facts = info(name, gib=gib, host=f"host-{gib}")
        self.dead.discard(facts.ray_node_id)
        member = self.roster.join(facts, self.now_s)
        if isinstance(member, Member):
            self.nodes.append(Node(member, self.roster.view))

    @rule(pick=st.randoms(use_true_random=False))
    def an_actor_comes_back(self, pick: Random) -> None:
        node = self._some(pick)
        if node is None:
            return
        member = self.roster.join(info(node.name, number=node.number), self.now_s)
        if isinstance(member, Member) and member.number != node.number:
            self.nodes.append(Node(member, self.roster.view))

    @rule(pick=st.randoms(use_true_random=False), delay_s=st.floats(0, 2))
    def a_node_renews(self, pick: Random, delay_s: float) -> None:
        node = self._some(pick)
        if node is not None:
            asked_s, self.now_s = self.now_s, self.now_s + delay_s
            node.asked(self.roster, asked_s, self.now_s)

    @rule()
    def all_nodes_renew(self) -> None:
        for node in self.nodes:
            node.asked(self.roster, self.now_s, self.now_s)

    @rule(passed_s=st.sampled_from([0.5, 2.0, 3.0, 11.0]))
    def time_passes(self, passed_s: float) -> None:
        self.now_s += passed_s

    @rule(name=st.sampled_from(NAMES))
    def ray_says_a_node_is_dead(self, name: str) -> None:
        self.dead.add(f"ray-{name}")

    @rule()
    def the_lost_are_removed(self) -> None:
        for member in self.roster.lost(self.dead, self.now_s):
            assert self.roster.view.member(member.number) is None

    @rule(name=st.sampled_from(NAMES))
    def a_node_is_drained(self, name: str) -> None:
        self.roster.drain(name)

    @rule(
        parts=st.dictionaries(st.integers(1, 9), st.floats(0, 1), min_size=2),
    )
    def memory_is_reported(self, parts: dict[int, float]) -> None:
        for number, part in parts.items():
            self.roster.renew(number, self.now_s, free_nbytes=int(part * GIB))
        self.roster.rebalance(self.now_s)

    @rule()
    def the_membership_restarts(self) -> None:
        saved = self.roster.save()
        self.roster = Roster.load(saved, self.now_s)
        assert self.roster.save() == saved

    # What nodes do

    @rule(pick=st.randoms(use_true_random=False))
    def a_node_installs_the_view(self, pick: Random) -> None:
        node = self._some(pick)
        if node is not None:
            node.install(self.roster.view)

    @rule()
    def all_nodes_install_the_view(self) -> None:
        for node in self.nodes:
            node.install(self.roster.view)

    @rule(tell=st.booleans())
    def moves_are_carried_out(self, tell: bool) -> None:
        view = self.roster.view
        for node in self.nodes:
            if node.epoch == view.epoch:
                moves = view.moves_from(node.number)
                node.freeze([(move.partition, move.term) for move in moves])
                if tell:
                    self._tell(view, node)

    @rule()
    def a_late_report_is_refused_or_true(self) -> None:
        view = self.roster.view
        for member in view.members:
            for partition, term in unfilled(view, member)[:2]:
                other = member.number + 1
                assert self.roster.backed_up(other, [(partition, term)]) == ()

    @rule()
    def backups_are_filled(self) -> None:
        fill_once(self.roster)

    # What always holds

    @invariant()
    def whoever_may_serve_is_the_owner(self) -> None:
        view = self.roster.view
        for node in self.nodes:
            serving = node.serves(self.now_s)
            assert (view.owners[serving] == node.number).all()
            assert (view.terms[serving] == node.terms[serving]).all()

    @invariant()
    def a_term_means_one_partition_of_one_member_for_ever(self) -> None:
        view = self.roster.view
        if view.epoch == self.seen_epoch:
            return
        self.seen_epoch = view.epoch
        for members, terms in (
            (view.owners, view.terms),
            (view.backups, view.backup_terms),
            (view.spares, view.spare_terms),
        ):
            given = terms != 0
            assert (given == (members != NOBODY)).all()
            self._means(terms[given], np.flatnonzero(given), members[given])
        if view.moves:
            moves = np.array([(m.term, m.partition, m.target) for m in view.moves])
            self._means(moves[:, 0], moves[:, 1], moves[:, 2])

    @invariant()
    def the_table_is_consistent(self) -> None:
        view = self.roster.view
        numbers = [member.number for member in view.members]
        nobody = [] if numbers else [NOBODY]
        assert np.isin(view.owners, numbers + nobody).all()
        for members in (view.backups, view.spares):
            assert np.isin(members, [*numbers, NOBODY]).all()
            assert not ((members == view.owners) & (members != NOBODY)).any()
        spared = view.spares != NOBODY
        assert view.ready[spared].all()
        assert (view.spares != view.backups)[spared].all()
        assert (view.backups[view.ready] != NOBODY).all()
        self._moves_are_consistent(view)

    def _moves_are_consistent(self, view: View) -> None:
        assert len({move.partition for move in view.moves}) == len(view.moves)
        for move in view.moves:
            target = view.member(move.target)
            assert target is not None
            assert not target.draining
            assert view.owners[move.partition] == move.source != move.target
            copy_term = int(view.copy_terms(move.target)[move.partition])
            assert copy_term in {0, move.term}
            if copy_term:
                self.copy_terms.add(copy_term)
            assert (move.term in self.copy_terms) == bool(copy_term)
        targets = np.bincount([move.target for move in view.moves] or [0])
        assert targets.max() <= max(BATCH, 1)

    def teardown(self) -> None:
        """Whatever happened: left alone, the grid becomes balanced and ready."""
        roster = self.roster
        roster.lost(self.dead, self.now_s)
        finish_moves(roster, filling=True)
        fill_backups(roster)
        assert not roster.view.moves
        view = roster.view
        staying = [member for member in view.members if not member.draining]
        if staying:
            assert len(view.members) == len(staying)
            weights = roster._staying()
            assert (plan(weights, view.owners) == view.owners).all()
            assert view.replicated == (len(staying) > 1)

    def _tell(self, view: View, source: Node) -> None:
        by_target: dict[int, list[tuple[int, int]]] = {}
        for move in view.moves_from(source.number):
            moves = by_target.setdefault(move.target, [])
            moves.append((move.partition, move.term))
        for target, moves in by_target.items():
            self.roster.moved(target, moves)

    def _means(
        self,
        terms: NDArray[np.int64],
        partitions: NDArray[np.intp],
        members: NDArray[np.int32],
    ) -> None:
        if not len(terms):
            return
        if terms.max() >= len(self.means):
            grown = np.zeros((2 * int(terms.max()) + 2, 2), np.int64)
            grown[: len(self.means)] = self.means
            self.means = grown
        meant = np.stack([partitions + 1, members], axis=1)
        known = self.means[terms]
        fresh = known[:, 0] == 0
        assert (known[~fresh] == meant[~fresh]).all()
        self.means[terms] = meant

    def _some(self, pick: Random) -> Node | None:
        return pick.choice(self.nodes) if self.nodes else None


def test_a_roster_that_ignores_leases_is_found_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Leases, "over", lambda *_: True)
    machine = RosterMachine()
    machine.a_node_joins("a", 1)
    machine.all_nodes_renew()
    machine.a_node_joins("b", 1)
    machine.ray_says_a_node_is_dead("a")
    machine.whoever_may_serve_is_the_owner()
    machine.the_lost_are_removed()
    with pytest.raises(AssertionError):
        machine.whoever_may_serve_is_the_owner()


TestRosterMachine = RosterMachine.TestCase
TestRosterMachine.settings = settings(max_examples=40, stateful_step_count=30)
