"""Pieces: which rows of which parts a read task reads.

As many tasks as Ray Data asks for: of neighbouring parts while there are enough, of
slices of parts else. Tasks that are too few Ray Data would cut up afterwards.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gridcache.ray_data.manifest import Part

__all__ = ["Piece", "cut", "nbytes_of", "numbered", "rows_of"]


@dataclass(frozen=True, slots=True)
class Piece:
    """Rows of a part."""

    part: Part
    number: int
    """Of the part in the dataset, for errors."""
    start: int
    stop: int
    """Exclusive."""

    @property
    def rows(self) -> int:
        """That it has."""
        return self.stop - self.start

    @property
    def whole(self) -> bool:
        """True if it is all of the part."""
        return self.rows == self.part.rows

    @property
    def nbytes(self) -> int:
        """Its share of the part's, about."""
        part = self.part
        return part.nbytes if self.whole else part.nbytes * self.rows // part.rows


Numbered = tuple[int, Part]
"""A part and its place in the dataset."""


def numbered(parts: Iterable[Part]) -> list[Numbered]:
    """The parts with their places."""
    return list(enumerate(parts))


def cut(parts: Sequence[Numbered], tasks: int) -> list[list[Piece]]:
    """Share parts out to about so many tasks, in order."""
    if not parts:
        return []
    if tasks <= len(parts):
        return list(_grouped(parts, max(1, tasks)))
    rows = max(1, sum(part.rows for _, part in parts))
    return [
        [piece]
        for number, part in parts
        for piece in _sliced(number, part, math.ceil(tasks * part.rows / rows))
    ]


def _grouped(parts: Sequence[Numbered], groups: int) -> Iterator[list[Piece]]:
    """Neighbours together, groups of about as many bytes each."""
    # A part of no bytes weighs something, too: it is to be read.
    left = sum(part.nbytes + 1 for _, part in parts)
    group: list[Piece] = []
    weight = 0
    for at, (number, part) in enumerate(parts):
        group.append(Piece(part, number, 0, part.rows))
        weight += part.nbytes + 1
        is_full = weight * groups >= left or len(parts) - at - 1 < groups
        if groups > 1 and is_full:
            yield group
            left, groups, group, weight = left - weight, groups - 1, [], 0
    yield group


def _sliced(number: int, part: Part, slices: int) -> Iterator[Piece]:
    """A part in slices of about as many rows each, none of them empty."""
    count = max(1, min(slices, part.rows))
    ends = [part.rows * at // count for at in range(count + 1)]
    for start, stop in pairwise(ends):
        yield Piece(part, number, start, stop)


def rows_of(pieces: Iterable[Piece]) -> int:
    """Rows of all."""
    return sum(piece.rows for piece in pieces)


def nbytes_of(pieces: Iterable[Piece]) -> int:
    """Bytes of all, about."""
    return sum(piece.nbytes for piece in pieces)
