"""Labels: the first bytes of a spilled object's block say whose it is.

Its owner is the raylet, which no store knows: a pool would end with an IO worker, and
Ray believes in what a worker spilled after that worker is dead.
"""

from struct import Struct, error
from typing import NamedTuple

from gridcache.processes import pid_namespace, stat_fields

__all__ = ["LABEL_NBYTES", "Raylet", "label", "raylet_of", "read_label"]

_MAGIC = b"gridcache spill\0"
_LABEL = Struct("<16sQQQ24x")
LABEL_NBYTES = _LABEL.size
"""A multiple of 64, so that the object begins where the store would let it begin."""
_STATE, _STARTED = 0, 19
"""As `stat_fields` has them."""
_DEAD = ("Z", "X")


class Raylet(NamedTuple):
    """A process, named for good: by pid alone it would be another's one day."""

    pid: int
    started: int
    """In ticks since the machine started."""
    pid_namespace: int

    def is_dead(self) -> bool:
        """True if it is gone; False as well if it cannot be seen from here."""
        if self.pid_namespace != pid_namespace():
            return False
        return _started(self.pid) != self.started


def raylet_of(pid: int) -> Raylet | None:
    """The process of a pid; None if there is none."""
    started = _started(pid)
    return None if started is None else Raylet(pid, started, pid_namespace())


def label(raylet: Raylet) -> bytes:
    """What a block of a raylet begins with."""
    return _LABEL.pack(_MAGIC, *raylet)


def read_label(head: bytes) -> Raylet | None:
    """Whose a block is, by its first bytes; None if it is no spilled object's."""
    try:
        magic, *names = _LABEL.unpack(head)
    except error:
        return None
    return Raylet(*names) if magic == _MAGIC else None


def _started(pid: int) -> int | None:
    """When a process started, in ticks; None if it is not, or no more."""
    fields = stat_fields(pid)
    if fields is None or fields[_STATE] in _DEAD:
        return None
    return int(fields[_STARTED])
