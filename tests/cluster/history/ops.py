"""Operations as clients saw them: what a history is made of.

Times are nanoseconds of a clock that all processes of the machine share. Every
written value is unique in its key, so a read names the write that it saw.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["NEVER", "Kind", "Op", "by_key", "loss"]

NEVER = 1 << 63
"""In place of an end: nobody heard of one."""


class Kind(Enum):
    """What an operation does to a key."""

    WRITE = "write"
    READ = "read"
    DELETE = "delete"
    LOSS = "loss"
    """The grid forgets a value, because a node went."""


@dataclass(frozen=True, slots=True)
class Op:
    """One operation on one key."""

    key: str
    kind: Kind
    value: str | None
    """Written or read; None: a miss, or a delete."""
    start: int
    end: int = NEVER
    sure: bool = True
    """False: it took effect between start and end, or never."""
    who: str = ""

    def __str__(self) -> str:
        end = "never" if self.end == NEVER else f"{self.end / 1e9:.6f}"
        maybe = "" if self.sure else "?"
        value = "-" if self.value is None else self.value
        when = f"{self.start / 1e9:.6f} .. {end:>12}"
        return f"{when}  {self.kind.value + maybe:7} {value:16} {self.who}"


def loss(key: str, start: int, end: int) -> Op:
    """What a lost node may have had of a key."""
    return Op(key, Kind.LOSS, None, start, end, sure=False, who="grid")


def by_key(ops: Iterable[Op]) -> dict[str, list[Op]]:
    """Operations of each key, by start."""
    found: dict[str, list[Op]] = {}
    for op in sorted(ops, key=lambda op: op.start):
        found.setdefault(op.key, []).append(op)
    return found
