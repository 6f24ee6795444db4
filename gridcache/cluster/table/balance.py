"""Balance: the weight of each member, and how it shifts when memory runs short.

A member begins with its capacity as weight. Where one is nearly full and another
is not, weight goes from the first to the second, a part of the difference at a
time, and the plan follows the weights.
"""

from collections.abc import Collection, Mapping

from gridcache.cluster.table.placement import PARTITIONS
from gridcache.cluster.table.view import Member

__all__ = ["Balance"]

PAUSE_S = 10.0
"""Between two shifts: reports need time to show what the last one did."""
LONGEST_PAUSE_S = 600.0
FULL = 0.85
"""Fill from which a member gives partitions away."""
GAP = 0.15
"""A member is idle beside a full one if it is emptier by this much."""
HELP = 1.25
"""... and by so many times what one partition of the full one takes up."""
DAMPING = 0.5
"""Part of its distance to the mean that a member loses in one shift."""
STEP = 0.1
"""The greatest part of its weight that a member loses in one shift."""


class Balance:
    """Weights and reported free bytes by member number.

    Parameters
    ----------
    weights
        Those of before a restart.
    """

    __slots__ = ("_free", "_next_s", "_pause_s", "_pressure", "weights")

    def __init__(self, weights: Mapping[int, float] | None = None) -> None:
        self.weights: dict[int, float] = dict(weights or {})
        self._free: dict[int, int] = {}
        self._next_s = float("-inf")
        self._pause_s = PAUSE_S
        self._pressure = float("inf")

    def add(self, member: Member) -> None:
        """Begin with its capacity."""
        self.weights[member.number] = float(member.capacity_nbytes)

    def resize(self, before: Member, now: Member) -> None:
        """Follow a change of capacity, keeping what shifts have done."""
        grown = now.capacity_nbytes - before.capacity_nbytes
        if grown:
            self.weights[now.number] = max(self.weights[now.number] + grown, 0.0)

    def remove(self, number: int) -> None:
        """Forget a member; its weight goes with it."""
        del self.weights[number]
        self._free.pop(number, None)

    def report(self, number: int, free_nbytes: int) -> None:
        """Remember how much a member has free."""
        self._free[number] = free_nbytes

    def shift(
        self, members: Collection[Member], owned: Mapping[int, int], now_s: float
    ) -> bool:
        """Take weight from nearly full members for idle ones, if it is time.

        Parameters
        ----------
        members
            Those that may give and take.
        owned
            How many partitions each has, by number.

        Returns
        -------
        bool
            Whether a weight changed. Then all reports are void.
        """
        if now_s < self._next_s:
            return False
        fills = {
            member.number: 1 - self._free[member.number] / member.capacity_nbytes
            for member in members
            if member.number in self._free and member.capacity_nbytes
        }
        shifted = [self._relieve(number, fills, owned) for number in fills]
        if not any(shifted):
            return False
        self._free.clear()
        self._wait(fills, now_s)
        return True

    def _wait(self, fills: Mapping[int, float], now_s: float) -> None:
        """Wait longer and longer as long as shifts do not help."""
        pressure = sum(max(fill - FULL, 0.0) for fill in fills.values())
        helped = pressure < 0.99 * self._pressure
        self._pause_s = PAUSE_S if helped else min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._pressure = pressure
        self._next_s = now_s + self._pause_s

    def _relieve(
        self, full: int, fills: Mapping[int, float], owned: Mapping[int, int]
    ) -> bool:
        """Give a part of the weight of `full` to idle members by their free bytes."""
        if fills[full] < FULL or not owned.get(full):
            return False
        # Who would be as full with one partition more does not help: that one would
        # wander from member to member for ever.
        gap = max(GAP, HELP * fills[full] / owned[full])
        idle = [one for one in fills if fills[full] - fills[one] >= gap]
        free = sum(self._free[one] for one in idle)
        if not free:
            return False
        mean = sum(fills.values()) / len(fills)
        part = min(STEP, DAMPING * (fills[full] - mean) / fills[full])
        # Less than one partition's worth would be rounded away for ever.
        least = sum(self.weights.values()) / PARTITIONS
        amount = min(max(self.weights[full] * part, least), self.weights[full] / 2)
        for one in idle:
            self.weights[one] += amount * self._free[one] / free
        self.weights[full] -= amount
        return True
