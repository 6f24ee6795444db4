"""Leases: until when each member may serve, as the membership counts it.

A node counts its lease from the moment it asked, the membership from its answer
and a margin more: when the membership says it is over, the node said so before,
whatever lay between them. All times are seconds of one clock that goes on while
the machine sleeps (CLOCK_BOOTTIME of the membership's host), passed in.
"""

from dataclasses import dataclass

__all__ = [
    "DRIFT",
    "GRACE_S",
    "LEASE_S",
    "MARGIN_S",
    "RENEW_S",
    "Grant",
    "Leases",
    "deadline_ns",
]

LEASE_S = 2.5
RENEW_S = 0.6
"""How often a node asks: three answers may be lost before its lease is."""
DRIFT = 0.01
"""Two clocks of a second differ by less than this; quartz by a thousandth of it."""
MARGIN_S = 0.1
GRACE_S = 10.0
"""A member that Ray believes alive is removed after so long a silence."""


def deadline_ns(asked_ns: int, lease_s: float) -> int:
    """When the lease of a node ends on its own clock, if it asked at `asked_ns`."""
    return asked_ns + int(lease_s * (1 - DRIFT) * 1e9)


@dataclass(frozen=True, slots=True)
class Grant:
    """The membership's answer to a member."""

    number: int
    lease_s: float
    epoch: int
    """Of the newest view; a node with an older one fetches it."""


class Leases:
    """What was granted, and who was heard of, by member number."""

    __slots__ = ("_heard", "_until")

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._heard: dict[int, float] = {}

    def open(self, number: int, now_s: float) -> None:
        """Know a member that has no lease yet."""
        self._until.setdefault(number, now_s)
        self._heard[number] = now_s

    def grant(self, number: int, now_s: float) -> float:
        """Grant a lease from now on; returns its seconds."""
        self._heard[number] = now_s
        until = now_s + LEASE_S * (1 + DRIFT) + MARGIN_S
        self._until[number] = max(until, self._until[number])
        return LEASE_S

    def over(self, number: int, now_s: float) -> bool:
        """Whether the member serves nothing any more, whatever it believes."""
        return now_s >= self._until[number]

    def until_s(self, number: int) -> float:
        """When its lease is over."""
        return self._until[number]

    def silent(self, number: int, now_s: float) -> bool:
        """Whether it has not been heard of for `GRACE_S`."""
        return now_s - self._heard[number] >= GRACE_S

    def forget(self, number: int) -> None:
        """Drop a removed member."""
        del self._until[number], self._heard[number]
