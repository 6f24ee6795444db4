"""A roster with the nodes that act on its views, for the tests of both."""

from collections.abc import Iterable
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

from gridcache.cluster.table.leases import DRIFT, LEASE_S, MARGIN_S
from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.roster import MemberInfo, NotMember, NotYet, Roster
from gridcache.cluster.table.view import Member, View

GIB = 1 << 30
OVER_S = LEASE_S * (1 + DRIFT) + MARGIN_S
"""From a grant to the moment at which the membership may take it as over."""
LATER_S = 5.0
"""No lease of 0.0 holds, and nobody has been silent for long."""
_ENOUGH = 300
"""Rounds of 64 partitions each: more than any change needs."""


def info(
    name: str, *, host: str = "", gib: int = 1, number: int | None = None
) -> MemberInfo:
    return MemberInfo(
        name, host or f"host-{name}", 1, f"ray-{name}", "/s", gib * GIB, {}, number
    )


def join(roster: Roster, name: str, now_s: float = 0.0, **more: object) -> Member:
    member = roster.join(info(name, **more), now_s)  # type: ignore[arg-type]
    assert isinstance(member, Member)
    return member


def three_members() -> Roster:
    """Members 1, 2, 3 on their own hosts, balanced, every backup ready, no lease."""
    return Roster.load(_three_members(), -OVER_S)


@cache
def _three_members() -> bytes:
    roster = Roster("g")
    for name in ("a", "b", "c"):
        join(roster, name)
        finish_moves(roster)
        fill_backups(roster)
    assert roster.view.replicated
    return roster.save()


def finish_moves(roster: Roster, *, filling: bool = False) -> int:
    """Carry out moves until there are none; returns how many there were."""
    done = 0
    for _ in range(_ENOUGH):
        if not roster.view.moves:
            return done
        for target in {move.target for move in roster.view.moves}:
            moves = roster.view.moves_to(target)
            wanted = [(move.partition, move.term) for move in moves]
            assert len(roster.moved(target, wanted)) == len(wanted)
            done += len(wanted)
        if filling:
            fill_once(roster)
    pytest.fail("moves do not come to an end")


def fill_backups(roster: Roster) -> None:
    """Let every owner fill its backups and spares until there are none to fill."""
    for _ in range(_ENOUGH):
        if not fill_once(roster):
            return
    pytest.fail("backups do not come to an end")


def fill_once(roster: Roster) -> int:
    done = 0
    for member in roster.view.members:
        done += len(roster.backed_up(member.number, unfilled(roster.view, member)))
    return done


def unfilled(view: View, member: Member) -> list[tuple[int, int]]:
    return [
        (partition, view.copies(partition)[-1][1])
        for partition in view.unfilled(member.number).tolist()
    ]


def pairs(view: View, partitions: NDArray[np.bool_]) -> list[tuple[int, int]]:
    wanted = np.flatnonzero(partitions)
    terms = view.backup_terms[wanted]
    return list(zip(wanted.tolist(), terms.tolist(), strict=True))


def count(view: View, number: int) -> int:
    return int((view.owners == number).sum())


class Node:
    """A node: what it installed, what it froze, until when it may serve."""

    def __init__(self, member: Member, view: View) -> None:
        self.number = member.number
        self.name = member.name
        self.deadline_s = float("-inf")
        self.epoch = -1
        self.terms = np.zeros(PARTITIONS, np.int64)
        self.frozen = np.zeros(PARTITIONS, np.int64)
        self.install(view)

    def install(self, view: View) -> None:
        if view.epoch < self.epoch:
            return
        self.epoch = view.epoch
        moving = np.zeros(PARTITIONS, np.int64)
        for move in view.moves_from(self.number):
            moving[move.partition] = move.term
        self.frozen[self.frozen != moving] = 0
        mine = (view.owners == self.number) & (self.frozen == 0)
        self.terms = np.where(mine, view.terms, 0)

    def freeze(self, partitions: Iterable[tuple[int, int]]) -> None:
        for partition, term in partitions:
            self.frozen[partition] = term
            self.terms[partition] = 0

    def asked(self, roster: Roster, asked_s: float, now_s: float) -> None:
        answer = roster.renew(self.number, now_s)
        if not isinstance(answer, NotMember):
            self.deadline_s = asked_s + LEASE_S * (1 - DRIFT)

    def serves(self, now_s: float) -> NDArray[np.bool_]:
        if now_s >= self.deadline_s:
            return np.zeros(PARTITIONS, bool)
        serving: NDArray[np.bool_] = self.terms != 0
        return serving


__all__ = [
    "GIB",
    "LATER_S",
    "OVER_S",
    "Node",
    "NotYet",
    "count",
    "fill_backups",
    "fill_once",
    "finish_moves",
    "info",
    "join",
    "pairs",
    "three_members",
    "unfilled",
]
