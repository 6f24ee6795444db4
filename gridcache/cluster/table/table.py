"""Table: the partition table while it changes, and the one counter of terms.

Each method is one step of the protocol; none leaves a partition with two owners
or gives a term twice. When a step is allowed is decided in
`gridcache.cluster.table.roster`; what a finished table looks like is `view.View`.
"""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.cluster.table.placement import NOBODY, Int32s
from gridcache.cluster.table.view import Member, Move, View

__all__ = ["Table"]

_Bools = NDArray[np.bool_]
_Which = NDArray[np.bool_] | NDArray[np.intp]


class Table:
    """Owners, backups and moves of all partitions.

    Parameters
    ----------
    view
        What the table starts from; its arrays are copied.
    last_term
        The highest term ever given.
    """

    def __init__(self, view: View, last_term: int = 0) -> None:
        self.owners = view.owners.copy()
        self.terms = view.terms.copy()
        self.backups = view.backups.copy()
        self.backup_terms = view.backup_terms.copy()
        self.ready = view.ready.copy()
        self.spares = view.spares.copy()
        self.spare_terms = view.spare_terms.copy()
        self.lost_at = view.lost_at.copy()
        self.lost_epochs = view.lost_epochs.copy()
        self.empty_epochs = view.empty_epochs.copy()
        self.moves = {move.partition: move for move in view.moves}
        self.last_term = last_term

    def view(self, grid: str, epoch: int, members: Iterable[Member]) -> View:
        """Copy the table into a view."""
        return View(
            grid=grid,
            epoch=epoch,
            members=tuple(members),
            owners=_fixed(self.owners),
            terms=_fixed(self.terms),
            backups=_fixed(self.backups),
            backup_terms=_fixed(self.backup_terms),
            ready=_fixed(self.ready),
            spares=_fixed(self.spares),
            spare_terms=_fixed(self.spare_terms),
            lost_at=_fixed(self.lost_at),
            lost_epochs=_fixed(self.lost_epochs),
            empty_epochs=_fixed(self.empty_epochs),
            moves=tuple(self.moves.values()),
        )

    def heading(self) -> Int32s:
        """Owners as they will be once every present move is done."""
        owners = self.owners.copy()
        self.head(owners)
        return owners

    def head(self, owners: Int32s) -> None:
        """Have every partition that is under way go where it is going."""
        for move in self.moves.values():
            owners[move.partition] = move.target

    def heading_backups(self) -> Int32s:
        """Backups as they will be once every spare is filled."""
        return np.where(self.spares != NOBODY, self.spares, self.backups)

    def holds(self, number: int) -> bool:
        """Whether a member owns, backs up or moves anything."""
        held = (self.owners, self.backups, self.spares)
        return any(bool((one == number).any()) for one in held) or any(
            number in (move.source, move.target) for move in self.moves.values()
        )

    def begin(self, partitions: _Bools, owners: Int32s) -> None:
        """Give partitions that nobody owns to `owners`, empty, under new terms."""
        self.owners[partitions] = owners[partitions]
        given = partitions & (owners != NOBODY)
        self.terms[partitions] = 0
        self.terms[given] = self._new_terms(int(given.sum()))

    def promote(self, partitions: _Bools) -> None:
        """Make ready backups owners: what they hold is visible from now on."""
        self.owners[partitions] = self.backups[partitions]
        self.terms[partitions] = self.backup_terms[partitions]
        self._next_backup(partitions)

    def lose(
        self, partitions: _Bools, empty: _Bools, epoch: int, wall_s: float
    ) -> None:
        """Note that the owner of `partitions` was lost, of `empty` the content too."""
        self.lost_epochs[partitions] = epoch
        self.lost_at[partitions] = wall_s
        self.empty_epochs[empty] = epoch
        self.owners[empty] = NOBODY
        self._unback(empty)

    def drop_backups(self, numbers: Iterable[int]) -> None:
        """Have none of these members as a backup or spare any more."""
        gone = list(numbers)
        self._unspare(np.isin(self.spares, gone))
        self._next_backup(np.isin(self.backups, gone))

    def set_backups(self, planned: Int32s) -> None:
        """Replace backups where the plan differs; a new one has nothing yet."""
        changed = planned != self.backups
        self._unback(changed)
        self.backups[changed] = planned[changed]
        given = changed & (planned != NOBODY)
        self.backup_terms[given] = self._new_terms(int(given.sum()))

    def set_spares(self, planned: Int32s) -> None:
        """Have these spares; one that was there before goes on being filled."""
        changed = planned != self.spares
        self._unspare(changed)
        self.spares[changed] = planned[changed]
        given = changed & (planned != NOBODY)
        self.spare_terms[given] = self._new_terms(int(given.sum()))

    def filled(self, number: int, partition: int, term: int) -> bool:
        """Note that a backup, or the spare in its place, has everything.

        Returns
        -------
        bool
            False if `number` is not the owner or nothing is filled under `term`.
        """
        if self.owners[partition] != number or term == 0:
            return False
        if self.spare_terms[partition] == term:
            self._next_backup(np.array([partition]))
        if self.backup_terms[partition] != term:
            return False
        self.ready[partition] = True
        return True

    def start(self, partition: int, target: int) -> None:
        """Begin to move a partition.

        A target that has copies of it already stores the rest under their term: a
        node has one record of a key, and another term would end what is ready.
        """
        if self.backups[partition] == target:
            term = int(self.backup_terms[partition])
        elif self.spares[partition] == target:
            term = int(self.spare_terms[partition])
        else:
            term = int(self._new_terms(1)[0])
        source = int(self.owners[partition])
        self.moves[partition] = Move(partition, source, target, term)

    def finish(self, number: int, partition: int, term: int) -> bool:
        """Make the target of a move the owner; False if there is no such move."""
        move = self.moves.get(partition)
        if move is None or (move.target, move.term) != (number, term):
            return False
        del self.moves[partition]
        self.owners[partition] = number
        self.terms[partition] = term
        if self.spares[partition] == number:
            self._unspare(np.array([partition]))
        if self.backups[partition] == number:
            self._next_backup(np.array([partition]))
        return True

    def drop_moves(self, sources: Iterable[int], targets: Iterable[int]) -> None:
        """Forget moves from `sources`, which are lost, and to `targets`."""
        lost, to = set(sources), set(targets)
        for move in list(self.moves.values()):
            if move.source in lost or move.target in to:
                del self.moves[move.partition]
                self._void(move, source_lost=move.source in lost)

    def _void(self, move: Move, *, source_lost: bool) -> None:
        """End the term of a copy that a dropped move may have written under.

        It has entries of the source now that the source goes on to change without
        telling, or that are lost with the source. A backup that is to be promoted
        may show them: they were true when the source was lost.
        """
        here = np.array([move.partition])
        if move.term == self.spare_terms[move.partition]:
            self._unspare(here)
        if move.term == self.backup_terms[move.partition] and not source_lost:
            self._next_backup(here)

    def _next_backup(self, partitions: _Which) -> None:
        """Have the spare, if there is one, as a backup that is not ready yet."""
        self.backups[partitions] = self.spares[partitions]
        self.backup_terms[partitions] = self.spare_terms[partitions]
        self.ready[partitions] = False
        self._unspare(partitions)

    def _unback(self, partitions: _Which) -> None:
        self._unspare(partitions)
        self._next_backup(partitions)

    def _unspare(self, partitions: _Which) -> None:
        self.spares[partitions] = NOBODY
        self.spare_terms[partitions] = 0

    def _new_terms(self, count: int) -> NDArray[np.int64]:
        """Terms never given before: an old one would bring old entries back."""
        first = self.last_term + 1
        self.last_term += count
        return np.arange(first, first + count, dtype=np.int64)


def _fixed(array: NDArray[Any]) -> NDArray[Any]:
    copied = array.copy()
    copied.flags.writeable = False
    return copied
