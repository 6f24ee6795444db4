"""The membership of the model: `Roster`'s decisions, for one partition."""

from dataclasses import dataclass, field, replace

from tests.cluster.protocol.history import History
from tests.cluster.protocol.rules import Rules

__all__ = ["Membership", "Move", "View"]


@dataclass(frozen=True, slots=True)
class Move:
    target: int
    term: int


@dataclass(frozen=True, slots=True)
class View:
    epoch: int
    members: frozenset[int]
    owner: int
    term: int
    backup: int = 0
    backup_term: int = 0
    ready: bool = False
    spare: int = 0
    spare_term: int = 0
    lost_epoch: int = 0
    empty_epoch: int = 0
    move: Move | None = None

    @property
    def copies(self) -> tuple[tuple[int, int], ...]:
        """Who is written to before the owner, as (member, term)."""
        pairs = ((self.backup, self.backup_term), (self.spare, self.spare_term))
        return tuple(pair for pair in pairs if pair[0])

    def copy_term(self, number: int) -> int:
        """What a member stores copies under."""
        return dict(self.copies).get(number, 0)

    @property
    def unfilled(self) -> tuple[int, int] | None:
        """The copy that has not got everything, as (member, term)."""
        if self.spare or (self.backup and not self.ready):
            return self.copies[-1]
        return None


@dataclass(slots=True)
class Membership:
    rules: Rules
    history: History
    members: tuple[int, ...]
    view: View = field(init=False)
    last_term: int = 0
    _last_number: int = field(init=False)

    def __post_init__(self) -> None:
        self._last_number = max(self.members)
        members = frozenset(self.members)
        self.view = View(1, members, owner=1, term=self.new_term())

    def new_term(self) -> int:
        self.last_term += 1
        return self.last_term

    def publish(self, **changes: object) -> None:
        """Save, then let everybody see."""
        self.view = replace(self.view, epoch=self.view.epoch + 1, **changes)  # type: ignore[arg-type]

    def give_backup(self, member: int, *, ready: bool = False) -> None:
        """Have another backup."""
        move = self.view.move
        of_move = move and move.term in (self.view.backup_term, self.view.spare_term)
        if of_move or not self._may_hold(member):
            return
        self.publish(
            backup=member,
            backup_term=self._copy_term(member),
            ready=ready,
            spare=0,
            spare_term=0,
        )

    def give_spare(self, member: int) -> None:
        """Have another backup in the place of a ready one, once it is filled."""
        move = self.view.move
        of_move = move and move.term == self.view.spare_term
        if of_move or not self._may_hold(member) or not self.view.ready:
            return
        self.publish(spare=member, spare_term=self._copy_term(member))

    def _copy_term(self, member: int) -> int:
        return self.new_term() if self.rules.fresh_terms else 100 + member

    def _may_hold(self, member: int) -> bool:
        view = self.view
        target = view.move.target if view.move else 0
        taken = (view.owner, view.backup, view.spare, target)
        return member in view.members and member not in taken

    def begin_move(self, target: int) -> None:
        """Have the partition handed over to another member."""
        view = self.view
        if view.move or target == view.owner or target not in view.members:
            return
        copy_term = self.view.copy_term(target) if self.rules.move_onto_copy else 0
        self.publish(move=Move(target, copy_term or self.new_term()))

    def drop_move(self, *, source_lost: bool = False) -> None:
        """Forget the move; what its target wrote under a copy's term is void."""
        move, view = self.view.move, self.view
        if move is None:
            return
        self.publish(move=None)
        if not self.rules.void_copies:
            return
        if move.term == view.spare_term:
            self.publish(spare=0, spare_term=0)
        if move.term == view.backup_term and not source_lost:
            self._next_backup()

    def moved(self, number: int, term: int) -> None:
        """The target of a move has stored everything."""
        if self.view.move != Move(number, term):
            return
        self.publish(owner=number, term=term, move=None)
        if self.view.spare == number:
            self.publish(spare=0, spare_term=0)
        if self.view.backup == number:
            self._next_backup()

    def filled(self, number: int, term: int) -> None:
        """An owner has filled the copy of this term."""
        view = self.view
        if view.owner != number:
            return
        if term == view.spare_term and view.spare:
            self._next_backup()
        if term == self.view.backup_term and self.view.backup:
            self.publish(ready=True)

    def join(self) -> int:
        """Take a node in under a new number."""
        self._last_number += 1
        self.publish(members=self.view.members | {self._last_number})
        return self._last_number

    def remove(self, number: int) -> None:
        """A member is gone, and its lease over."""
        if number not in self.view.members:
            return
        self.publish(members=self.view.members - {number})
        move = self.view.move
        if move and number in (self.view.owner, move.target):
            self.drop_move(source_lost=number == self.view.owner)
        if self.view.owner == number:
            self._lose_owner()
        if self.view.spare == number:
            self.publish(spare=0, spare_term=0)
        if self.view.backup == number:
            self._next_backup()

    def _lose_owner(self) -> None:
        view = self.view
        lost_epoch = view.epoch + 1
        backup_is_good = view.ready or not self.rules.promote_ready_only
        if view.backup in view.members and backup_is_good:
            self.history.loss(all_copies=False)
            self.publish(
                owner=view.backup, term=view.backup_term, lost_epoch=lost_epoch
            )
            self._next_backup()
            return
        self.history.loss(all_copies=True)
        heir = min(view.members, default=0)
        self.publish(
            owner=heir,
            term=self.new_term(),
            lost_epoch=lost_epoch,
            empty_epoch=lost_epoch,
            backup=0,
            backup_term=0,
            ready=False,
            spare=0,
            spare_term=0,
        )

    def _next_backup(self) -> None:
        view = self.view
        self.publish(
            backup=view.spare,
            backup_term=view.spare_term,
            ready=False,
            spare=0,
            spare_term=0,
        )
