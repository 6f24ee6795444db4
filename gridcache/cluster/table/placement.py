"""Placement: which member owns a partition, and which one backs it up.

Keys fall into `PARTITIONS` groups by hash; a grid of any size deals in these
groups only, so a table of owners has one size. A plan is balanced: every member
gets the whole part of its share or one more. Of all balanced plans it moves the
fewest partitions away from where they are. Which ones is decided by rendezvous
hashing, so that two calls with the same facts agree.

Pure: numbers in, an array out. Who is in the grid is `gridcache.cluster.table.roster`.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache

import numpy as np
import xxhash
from numpy.typing import NDArray

from gridcache.cluster.table.assignment import (
    Bools,
    Int32s,
    Numbers,
    assign,
    giving_order,
    held,
    quotas,
)
from gridcache.store.records import entry_key

__all__ = [
    "NOBODY",
    "PARTITIONS",
    "Int32s",
    "partition_of",
    "partition_of_entry",
    "partitions_of",
    "plan",
    "plan_backups",
]

PARTITIONS = 4096
"""At 1,000 members each still has four: within a quarter of its share."""

_NAMESPACES = 256
"""Whose names are kept encoded."""

NOBODY = -1
"""In place of a member's number."""


def partition_of(namespace: str, key: str) -> int:
    """Partition of a key. Part of the stored format: it must never change."""
    return partition_of_entry(namespace, entry_key(0, key)[0])


def partition_of_entry(namespace: str, key: bytes) -> int:
    """Partition of an entry key, whatever the namespace's number in its store.

    A long key lies in the index under a shortened one, and all that is known of it
    may be that: so its partition is that of the shortened.
    """
    return partitions_of(namespace)(key)


@lru_cache(_NAMESPACES)
def partitions_of(namespace: str) -> Callable[[bytes], int]:
    """Give `partition_of_entry` for one namespace: for who asks at every read."""
    start = namespace.encode("utf-8", "surrogatepass") + b"\0"
    digest = xxhash.xxh3_64_intdigest

    def partition(key: bytes) -> int:
        return digest(start + key[2:]) % PARTITIONS

    return partition


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
    members, planned = _present(weights, owners)
    if not weights:
        return planned
    room = quotas(weights, planned, PARTITIONS) - held(planned, members)
    for index in np.flatnonzero(room < 0):
        own = np.flatnonzero(planned == members[index])
        given = giving_order(int(members[index]), own)[: -room[index]]
        planned[given] = NOBODY
        room[index] = 0
    assign(planned, np.flatnonzero(planned == NOBODY), members, room)
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
    members, planned = _present(weights, backups)
    if not weights:
        return planned
    places = _Places(members, owners, hosts)
    planned[~places.good(planned)] = NOBODY
    room = quotas(weights, planned, int((owners != NOBODY).sum()))
    room -= held(planned, members)
    for allowed, limit in (
        (places.elsewhere, room),
        (places.elsewhere, np.full(len(members), PARTITIONS)),
        (places.other, room),
        (places.other, np.full(len(members), PARTITIONS)),
    ):
        left = np.flatnonzero((planned == NOBODY) & (owners != NOBODY))
        assign(planned, left, members, limit, allowed(left))
    room = quotas(weights, planned, int((owners != NOBODY).sum()))
    room -= held(planned, members)
    for index in np.flatnonzero(room < 0):
        _relieve(planned, int(index), room, places)
    return planned


class _Places:
    """Which members may back up which partitions.

    Parameters
    ----------
    members
        Those that may back up.
    owners, hosts
        As for `plan_backups`.
    """

    def __init__(
        self, members: Numbers, owners: Int32s, hosts: Mapping[int, str]
    ) -> None:
        codes: dict[str, int] = {}
        self.members = members
        self._owners = owners
        self._code_of = {
            number: codes.setdefault(host, len(codes)) for number, host in hosts.items()
        }
        self._codes = self._hosts(members.astype(np.int32))

    def elsewhere(self, partitions: NDArray[np.intp]) -> Bools:
        """Members on another host than the owner's; shape (partitions, members)."""
        owners = self._hosts(self._owners[partitions])
        allowed: Bools = self._codes != owners[:, None]
        return allowed

    def other(self, partitions: NDArray[np.intp]) -> Bools:
        """Members that are not the owner; shape (partitions, members)."""
        allowed: Bools = self.members != self._owners[partitions][:, None]
        return allowed

    def good(self, backups: Int32s) -> Bools:
        """Which of the present backups may stay; shape (PARTITIONS,)."""
        stays: Bools = (backups != self._owners) & (self._owners != NOBODY)
        if len(set(self._codes.tolist())) > 1:
            stays &= self._hosts(backups) != self._hosts(self._owners)
        return stays

    def _hosts(self, numbers: Int32s) -> Numbers:
        present, inverse = np.unique(numbers, return_inverse=True)
        codes = [self._code_of.get(number, NOBODY) for number in present.tolist()]
        return np.array(codes, np.int64)[inverse]


def _present(
    weights: Mapping[int, float], present: Int32s | None
) -> tuple[Numbers, Int32s]:
    """The members, and what they hold already with `NOBODY` for the rest."""
    members = np.fromiter(weights, np.int64, len(weights))
    planned = np.full(PARTITIONS, NOBODY, np.int32)
    if present is not None and weights:
        known = np.isin(present, members)
        planned[known] = present[known]
    return members, planned


def _relieve(planned: Int32s, index: int, room: Numbers, places: _Places) -> None:
    """Let members with room take backups of one that has too many."""
    member = int(places.members[index])
    while room[index] < 0 and (room > 0).any():
        own = giving_order(member, np.flatnonzero(planned == member))
        allowed = places.elsewhere(own) & (room > 0)
        movable = np.flatnonzero(allowed.any(axis=1))[: -room[index]]
        if not len(movable):
            return
        assign(planned, own[movable], places.members, room, allowed[movable])
        room[index] += int((planned[own[movable]] != member).sum())
