"""Placement: which member owns a partition, and which one backs it up.

Keys fall into `PARTITIONS` groups by hash; a grid of any size deals in these
groups only, so a table of owners has one size. A plan is balanced: every member
gets the whole part of its share or one more. Of all balanced plans it moves the
fewest partitions away from where they are. Which ones is decided by rendezvous
hashing, so that two calls with the same facts agree.

Pure: numbers in, an array out. Who is in the grid is `gridcache.cluster.roster`.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import xxhash
from numpy.typing import NDArray

__all__ = ["NOBODY", "PARTITIONS", "Int32s", "partition_of", "plan", "plan_backups"]

PARTITIONS = 4096
"""At 1,000 members each still has four: within a quarter of its share."""

NOBODY = -1
"""In place of a member's number."""

_ROWS = 128
"""Partitions scored at a time: with 1,000 members, a megabyte."""

Int32s = NDArray[np.int32]
_Bools = NDArray[np.bool_]
_Numbers = NDArray[np.int64]
_Scores = NDArray[np.uint64]


def partition_of(namespace: str, key: str) -> int:
    """Partition of a key. Part of the stored format: it must never change."""
    text = f"{namespace}\0{key}".encode("utf-8", "surrogatepass")
    return xxhash.xxh3_64_intdigest(text) % PARTITIONS


def plan(weights: Mapping[int, float], owners: Int32s | None = None) -> Int32s:
    """Owner of every partition, as few of them changed as balance allows.

    Parameters
    ----------
    weights
        Weight (0 or more) by member number. A member of weight 0 gets nothing,
        unless nobody has a weight: then all count as equal.
    owners
        shape (PARTITIONS,): who owns them now; numbers without a weight are as
        good as `NOBODY`.

    Returns
    -------
    Int32s
        shape (PARTITIONS,); all `NOBODY` if `weights` is empty.
    """
    planned = _kept(weights, owners)
    if not weights:
        return planned
    quotas = _quotas(weights, planned, PARTITIONS)
    for member, quota in quotas.items():
        _release(planned, member, quota)
    candidates = _Candidates(quotas, planned)
    for partition, scores in candidates.ranked(planned == NOBODY):
        planned[partition] = candidates.take(scores, candidates.open)
    return planned


def plan_backups(
    owners: Int32s,
    weights: Mapping[int, float],
    hosts: Mapping[int, str],
    backups: Int32s | None = None,
) -> Int32s:
    """Backup of every partition: never its owner, on another host if there is one.

    A backup that may stay does, but for those of a member that has more than its
    share: they go to members that have less, where any such may back them up.

    Parameters
    ----------
    owners
        shape (PARTITIONS,).
    weights
        Weight by member number, of those that may back up.
    hosts
        Host by member number, of these and of every owner.
    backups
        shape (PARTITIONS,): the present ones.

    Returns
    -------
    Int32s
        shape (PARTITIONS,), `NOBODY` where there is no other member.
    """
    planned = _kept(weights, backups)
    if not weights:
        return planned
    quotas = _quotas(weights, planned, int((owners != NOBODY).sum()))
    places = _Places(list(quotas), owners, hosts)
    planned[~places.good(planned)] = NOBODY
    candidates = _Candidates(quotas, planned)
    for partition, scores in candidates.ranked(
        (planned == NOBODY) & (owners != NOBODY)
    ):
        elsewhere, other = places.allowed(partition)
        allowed = elsewhere if elsewhere.any() else other
        if allowed.any():
            with_room = allowed & candidates.open
            some = with_room if with_room.any() else allowed
            planned[partition] = candidates.take(scores, some)
    for member in quotas:
        _even(planned, member, candidates, places)
    return planned


def _even(
    planned: Int32s, member: int, candidates: "_Candidates", places: "_Places"
) -> None:
    """Let members that have too few backups take what `member` has too many of."""
    surplus = candidates.surplus(member)
    if surplus <= 0 or not candidates.open.any():
        return
    for partition, scores in candidates.ranked(planned == member):
        allowed = places.allowed(partition)[0] & candidates.open
        if surplus > 0 and allowed.any():
            planned[partition] = candidates.take(scores, allowed)
            candidates.release(member)
            surplus -= 1


class _Candidates:
    """Members and the partitions each may still take.

    Parameters
    ----------
    quotas
        How many each member is to have.
    planned
        Who has which already.
    """

    def __init__(self, quotas: Mapping[int, int], planned: Int32s) -> None:
        self._members = np.fromiter(quotas, np.int64, len(quotas))
        counts = [int((planned == member).sum()) for member in quotas]
        self._room = np.fromiter(quotas.values(), np.int64, len(quotas)) - counts

    @property
    def open(self) -> _Bools:
        """Which of them have less than their quota."""
        return self._room > 0

    def surplus(self, member: int) -> int:
        """How many a member has over its quota."""
        return -int(self._room[self._members == member][0])

    def release(self, member: int) -> None:
        """Take one partition from a member."""
        self._room[self._members == member] += 1

    def ranked(self, partitions: _Bools) -> Iterator[tuple[int, _Scores]]:
        """Each of the partitions with the members' scores for it."""
        wanted = np.flatnonzero(partitions)
        for start in range(0, len(wanted), _ROWS):
            some = wanted[start : start + _ROWS]
            yield from zip(
                some.tolist(), _scores(self._members, some[:, None]), strict=True
            )

    def take(self, scores: _Scores, allowed: _Bools) -> int:
        """Give a partition to that of the allowed members whose score is highest."""
        chosen = int(np.where(allowed, scores, 0).argmax())
        self._room[chosen] -= 1
        return int(self._members[chosen])


class _Places:
    """Which members may back up which partition."""

    def __init__(
        self, members: Sequence[int], owners: Int32s, hosts: Mapping[int, str]
    ) -> None:
        self._members = np.array(members)
        self._owners = owners
        codes: dict[str, int] = {}
        self._host_of = {
            number: codes.setdefault(host, len(codes)) for number, host in hosts.items()
        }
        self._hosts = np.array([self._host_of[member] for member in members])

    def allowed(self, partition: int) -> tuple[_Bools, _Bools]:
        """Members on another host than the owner's; members that are not it."""
        owner = int(self._owners[partition])
        return self._hosts != self._host_of[owner], self._members != owner

    def good(self, backups: Int32s) -> _Bools:
        """Which of the present backups may stay."""
        stays: _Bools = (backups != self._owners) & (self._owners != NOBODY)
        if len(set(self._hosts.tolist())) == 1:
            # Nobody else is on another host than this one.
            return stays
        stays &= self._host_codes(backups) != self._host_codes(self._owners)
        return stays

    def _host_codes(self, numbers: Int32s) -> NDArray[np.int64]:
        present, inverse = np.unique(numbers, return_inverse=True)
        codes = [self._host_of.get(number, NOBODY) for number in present.tolist()]
        return np.array(codes, np.int64)[inverse]


def _kept(weights: Mapping[int, float], present: Int32s | None) -> Int32s:
    """What the members hold already, and `NOBODY` for the rest."""
    planned = np.full(PARTITIONS, NOBODY, np.int32)
    if present is not None and weights:
        known = np.isin(present, np.fromiter(weights, np.int64, len(weights)))
        planned[known] = present[known]
    return planned


def _quotas(
    weights: Mapping[int, float], planned: Int32s, total: int
) -> dict[int, int]:
    """How many of `total` partitions each member is to have, by number.

    The whole part of its share each; what is left goes first to those that hold
    more than that already (nothing need move), then by the fraction cut off.
    """
    members = sorted(weights)
    weight = np.array([weights[member] for member in members], float)
    if not weight.any():
        weight[:] = 1.0
    shares = weight / weight.sum() * total
    floors = np.floor(shares).astype(int)
    held = np.array([int((planned == member).sum()) for member in members])
    rank = np.lexsort((floors - shares, ~((held > floors) & (shares > floors))))
    floors[rank[: total - int(floors.sum())]] += 1
    return dict(zip(members, floors.tolist(), strict=True))


def _release(planned: Int32s, member: int, quota: int) -> None:
    """Take from `member` what it has over its quota, its last choices first."""
    held = np.flatnonzero(planned == member)
    if len(held) > quota:
        order = np.argsort(_scores(np.array([member]), held))
        planned[held[order[: len(held) - quota]]] = NOBODY


def _scores(member: _Numbers, partition: _Numbers) -> _Scores:
    """Rendezvous scores: a hash of member and partition, never 0 (splitmix64)."""
    mixed = np.asarray(member, np.uint64) << np.uint64(16)
    mixed = mixed + np.asarray(partition, np.uint64) + np.uint64(1)
    mixed = mixed * np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    scores: _Scores = mixed ^ (mixed >> np.uint64(31))
    return scores
