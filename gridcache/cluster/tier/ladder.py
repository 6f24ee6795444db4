"""Ladder: where a value goes that has to leave memory. Pure.

The rungs below a node's own memory, compressed or not, are the idle memory of
another node and the own disk. A value goes to the one that would bring it back
soonest, by what was measured; not at all where computing it anew would be faster.
"""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["DISK", "NODE", "UNMEASURED", "Speed", "rungs"]

NODE = "node"
"""Another node's idle memory."""
DISK = "disk"
"""The own disk."""


@dataclass(frozen=True, slots=True)
class Speed:
    """How fast a rung gives a value back."""

    latency_s: float
    nbytes_per_s: float

    def seconds(self, nbytes: int) -> float:
        """How long a value of a size takes."""
        return self.latency_s + nbytes / self.nbytes_per_s


UNMEASURED = {NODE: Speed(0.5e-3, 1e9), DISK: Speed(5e-3, 2e8)}
"""What is assumed of each rung at first: a network, and a disk that turns."""


def rungs(nbytes: int, cost_s: float, speeds: Mapping[str, Speed]) -> list[str]:
    """Order the rungs that are worth it for a value, the fastest first.

    Parameters
    ----------
    nbytes
        Of the value as stored.
    cost_s
        What computing it took; 0.0 where nobody said: then every rung is worth it.
    speeds
        Of the rungs that have room, by name.

    Examples
    --------
    >>> rungs(1 << 20, 0.0, UNMEASURED)
    ['node', 'disk']
    >>> rungs(1 << 20, 0.005, UNMEASURED)
    ['node']
    """
    waits = {name: speed.seconds(nbytes) for name, speed in speeds.items()}
    worth = [name for name, wait_s in waits.items() if not 0.0 < cost_s < wait_s]
    return sorted(worth, key=lambda name: waits[name])
