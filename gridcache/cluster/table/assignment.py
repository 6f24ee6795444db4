"""Assignment: partitions to members by rendezvous score, none beyond its room.

The arithmetic under `gridcache.cluster.table.placement`: it knows numbers of members
and partitions, and neither owners nor backups.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Int32s", "Numbers", "assign", "giving_order", "held", "quotas"]

_GIVING = 1 << 32
"""Beyond any member's number."""

Bools = NDArray[np.bool_]
Int32s = NDArray[np.int32]
Numbers = NDArray[np.int64]


def held(planned: Int32s, members: Numbers) -> Numbers:
    """How many partitions each member has; shape (members,)."""
    return np.array([(planned == member).sum() for member in members], np.int64)


def quotas(weights: Mapping[int, float], planned: Int32s, total: int) -> Numbers:
    """How many of `total` partitions each member is to have.

    The whole part of its share each; what is left goes first to those that hold
    more than that already (nothing need move), then by the fraction cut off.

    Returns
    -------
    Numbers
        shape (members,), in the order of `weights`.
    """
    weight = np.fromiter(weights.values(), float, len(weights))
    if not weight.any():
        weight[:] = 1.0
    shares = weight / weight.sum() * total
    floors: Numbers = np.floor(shares).astype(np.int64)
    have = held(planned, np.fromiter(weights, np.int64, len(weights)))
    rank = np.lexsort((floors - shares, ~((have > floors) & (shares > floors))))
    floors[rank[: total - int(floors.sum())]] += 1
    return floors


def assign(
    planned: Int32s,
    partitions: NDArray[np.intp],
    members: Numbers,
    room: Numbers,
    allowed: Bools | None = None,
) -> None:
    """Give each partition to the member that scores highest and has room.

    Parameters
    ----------
    planned
        shape (PARTITIONS,); written to. What finds no member stays as it is.
    partitions
        Those to give, the first ones before the others.
    members
        shape (members,).
    room
        shape (members,): how many each may take; reduced by what it takes.
    allowed
        shape (partitions, members): who may take which; everybody, if left out.
    """
    scores = _scores(members, partitions[:, None])
    if allowed is not None:
        scores[~allowed] = 0
    while len(partitions):
        open_scores = np.where(room > 0, scores, 0)
        best = open_scores.argmax(axis=1)
        found = open_scores[np.arange(len(best)), best] > 0
        taken = found & (_rank(np.where(found, best, len(members))) < room[best])
        if not taken.any():
            return
        planned[partitions[taken]] = members[best[taken]]
        room -= np.bincount(best[taken], minlength=len(room))
        partitions, scores = partitions[~taken], scores[~taken]


def giving_order(member: int, partitions: NDArray[np.intp]) -> NDArray[np.intp]:
    """Partitions of a member in the order in which it gives them away.

    By a hash of its own. By the lowest score it would be what came last, and one
    heavy partition would wander through the grid while all others stay.
    """
    hashes = _scores(np.array([member + _GIVING]), partitions)
    return partitions[np.argsort(hashes)]


def _rank(groups: NDArray[np.intp]) -> NDArray[np.intp]:
    """How many elements of the same group come before each one."""
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], groups[order])
    ranks = np.empty(len(groups), np.intp)
    ranks[order] = np.arange(len(groups)) - starts
    return ranks


def _scores(member: Numbers, partition: NDArray[np.intp]) -> NDArray[np.uint64]:
    """Rendezvous scores: a hash of member and partition, never 0 (splitmix64)."""
    mixed = np.asarray(member, np.uint64) << np.uint64(16)
    mixed = mixed + np.asarray(partition, np.uint64) + np.uint64(1)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scores: NDArray[np.uint64] = mixed ^ (mixed >> np.uint64(31))
    return scores
