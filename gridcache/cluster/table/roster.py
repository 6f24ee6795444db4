"""Roster: who is in the grid, and every decision about who owns what.

The rules of the membership without its actor: no Ray, no clock, no network. All
times are passed in, so that every order of events can be tested. The actor
(`gridcache.cluster.actors.membership`) saves the state after each change, before
anybody sees it.

The protocol and its reasons: `docs/explain/grid-protocol.md`. Which member gets
which partition: `placement`; how a change of owner is written down: `table`; until
when a member may serve: `leases`.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import asdict, replace
from struct import Struct

import numpy as np

from gridcache.cluster.table.answers import MemberInfo, NotMember, NotYet
from gridcache.cluster.table.balance import Balance
from gridcache.cluster.table.leases import Grant, Leases
from gridcache.cluster.table.moving import change_backups, start_moves
from gridcache.cluster.table.placement import plan
from gridcache.cluster.table.table import Table
from gridcache.cluster.table.view import Member, View

__all__ = ["MemberInfo", "NotMember", "NotYet", "Roster"]

_LENGTH = Struct("<I")


class Roster:
    """Members and the partition table.

    Parameters
    ----------
    grid
        Name of the grid.
    """

    def __init__(self, grid: str = "default") -> None:
        self._view = View.empty(grid)
        self._table = Table(self._view)
        self._members: dict[int, Member] = {}
        self._leases = Leases()
        self._balance = Balance()
        self._next_number = 1

    @property
    def view(self) -> View:
        """The newest view."""
        return self._view

    def join(
        self, info: MemberInfo, now_s: float, wall_s: float = 0.0
    ) -> Member | NotYet:
        """Take a node in; idempotent for one whose store remembers its number.

        Returns
        -------
        Member | NotYet
            `NotYet` while another store of this name may still serve.
        """
        known = self._members.get(info.number) if info.number is not None else None
        if known is not None and known.name == info.name:
            return self._adopt(known, info, now_s)
        same = self._view.by_name(info.name)
        if same is not None:
            if not self._leases.over(same.number, now_s):
                return NotYet(self._leases.until_s(same.number), info.name)
            self._remove([same.number], wall_s)
        return self._add(info, now_s)

    def renew(
        self, number: int, now_s: float, *, free_nbytes: int | None = None
    ) -> Grant | NotMember:
        """Grant a lease. To be called when answering, not when asked."""
        if number not in self._members:
            return NotMember(number)
        if free_nbytes is not None:
            self._balance.report(number, free_nbytes)
        lease_s = self._leases.grant(number, now_s)
        return Grant(number, lease_s, self._view.epoch)

    def lost(
        self, ray_dead_ids: Collection[str], now_s: float, wall_s: float = 0.0
    ) -> tuple[Member, ...]:
        """Remove who is dead or silent and whose lease is over.

        Parameters
        ----------
        ray_dead_ids
            Ray node ids that Ray says are dead.
        now_s
            The clock of `leases`.
        wall_s
            Time of day, for `View.lost_at`.

        Returns
        -------
        tuple[Member, ...]
            Who was removed.
        """
        gone = [
            member
            for number, member in self._members.items()
            if self._leases.over(number, now_s)
            and (
                member.ray_node_id in ray_dead_ids or self._leases.silent(number, now_s)
            )
        ]
        if gone:
            self._remove([member.number for member in gone], wall_s)
        return tuple(gone)

    def moved(self, number: int, moves: Iterable[tuple[int, int]]) -> tuple[int, ...]:
        """A target has stored what it was to take: it is the owner now.

        Parameters
        ----------
        number
            The target.
        moves
            (partition, term) of each.

        Returns
        -------
        tuple[int, ...]
            Partitions that it owns under that term now; the others were dropped.
        """
        moves = list(moves)
        changed = [self._table.finish(number, *move) for move in moves]
        if any(changed):
            self._settle()
        owners, terms = self._table.owners, self._table.terms
        return tuple(
            partition
            for partition, term in moves
            if owners[partition] == number and terms[partition] == term
        )

    def backed_up(
        self, number: int, filled: Iterable[tuple[int, int]]
    ) -> tuple[int, ...]:
        """An owner says that backups, or spares, have everything.

        Parameters
        ----------
        number
            The owner.
        filled
            (partition, backup or spare term) of each.

        Returns
        -------
        tuple[int, ...]
            Partitions whose backup is that one and ready now.
        """
        ready = tuple(one[0] for one in filled if self._table.filled(number, *one))
        if ready:
            self._settle()
        return ready

    def drain(self, name: str) -> Member | None:
        """Empty a member and then remove it; None if there is none of this name."""
        member = self._view.by_name(name)
        if member is None or member.draining:
            return member
        self._members[member.number] = replace(member, draining=True)
        self._table.drop_moves((), [member.number])
        self._settle()
        return self._members.get(member.number)

    def rebalance(self, now_s: float) -> int:
        """Move partitions from nearly full members to idle ones, if it is time.

        Returns
        -------
        int
            Moves begun.
        """
        staying = [one for one in self._members.values() if not one.draining]
        numbers, counts = np.unique(self._table.owners, return_counts=True)
        owned = dict(zip(numbers.tolist(), counts.tolist(), strict=True))
        if self._table.moves or not self._balance.shift(staying, owned, now_s):
            return 0
        self._settle()
        return len(self._table.moves)

    def save(self) -> bytes:
        """Return the whole state but for times, which a restart makes void."""
        facts = {
            "last_term": self._table.last_term,
            "next_number": self._next_number,
            "weights": list(self._balance.weights.items()),
        }
        text = json.dumps(facts).encode()
        return b"".join((_LENGTH.pack(len(text)), text, self._view.pack()))

    @classmethod
    def load(cls, saved: bytes, now_s: float) -> "Roster":
        """Go on from `save`. Every member is taken to have been granted a lease now."""
        (length,) = _LENGTH.unpack_from(saved)
        at = _LENGTH.size + length
        facts = json.loads(saved[_LENGTH.size : at])
        roster = cls()
        roster._view = View.unpack(saved[at:])
        roster._table = Table(roster._view, facts["last_term"])
        roster._next_number = facts["next_number"]
        roster._balance = Balance(dict(facts["weights"]))
        for member in roster._view.members:
            roster._members[member.number] = member
            roster._leases.open(member.number, now_s)
            roster._leases.grant(member.number, now_s)
        return roster

    def _adopt(self, known: Member, info: MemberInfo, now_s: float) -> Member:
        """The node's actor is back with its store: same member, maybe another port."""
        facts = asdict(info) | {"number": known.number, "draining": known.draining}
        member = Member(**facts)
        self._leases.open(member.number, now_s)
        if member != known:
            self._members[member.number] = member
            self._balance.resize(known, member)
            self._settle()
        return self._members.get(member.number, member)

    def _add(self, info: MemberInfo, now_s: float) -> Member:
        member = Member(**asdict(info) | {"number": self._next_number})
        self._next_number += 1
        self._members[member.number] = member
        self._leases.open(member.number, now_s)
        self._balance.add(member)
        self._settle()
        return member

    def _remove(self, numbers: list[int], wall_s: float) -> None:
        """Take everything from members whose lease is over."""
        for number in numbers:
            del self._members[number]
            self._leases.forget(number)
            self._balance.remove(number)
        table = self._table
        table.drop_moves(numbers, numbers)
        orphans = np.isin(table.owners, numbers)
        saved = orphans & table.ready & ~np.isin(table.backups, numbers)
        table.lose(orphans, orphans & ~saved, self._view.epoch + 1, wall_s)
        table.promote(saved)
        table.drop_backups(numbers)
        self._settle()

    def _settle(self) -> None:
        """Decide all that follows from a change, and publish the next view."""
        table, members = self._table, self._members
        weights = self._staying()
        planned = plan(weights, table.heading())
        table.begin(table.owners < 0, planned)
        if all(member.draining for member in members.values()):
            planned = table.heading()
        table.head(planned)
        hosts = {number: member.host for number, member in members.items()}
        change_backups(table, planned, weights, hosts)
        start_moves(table, planned)
        for number in [number for number, one in members.items() if one.draining]:
            if not table.holds(number) and len(members) > 1:
                self._dismiss(number)
        ordered = (members[number] for number in sorted(members))
        self._view = table.view(self._view.grid, self._view.epoch + 1, ordered)

    def _dismiss(self, number: int) -> None:
        """Let a drained member go: it has nothing that could be taken from it."""
        del self._members[number]
        self._leases.forget(number)
        self._balance.remove(number)

    def _staying(self) -> dict[int, float]:
        """Weight of every member that is not draining; of all if all are."""
        weights = self._balance.weights
        staying = {
            number: weights[number]
            for number, member in self._members.items()
            if not member.draining
        }
        return staying or dict(weights)
