"""Zones: whether a key is a register that may lose its value at any time.

A miss is always allowed, but a value that was lost, deleted or overwritten never
comes back. Since values are unique, each has a time in which it must be the current
one: from the first end of an operation that wrote or saw it to the last start of
one. Two such times must not overlap, and nothing else may lie wholly inside one
(Gibbons and Korach, "Testing shared memories", 1997). Takes n log n steps.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from tests.cluster.history.ops import Op
from tests.cluster.history.verdict import Verdict, unfounded, worth_a_look

__all__ = ["check_losing"]


@dataclass(frozen=True, slots=True)
class _Zone:
    """The operations that wrote or saw one value, or one miss alone."""

    first_end: int
    last_start: int
    ops: tuple[Op, ...]

    @property
    def lasts(self) -> bool:
        """True if the value must be current all through the zone."""
        return self.first_end < self.last_start

    @property
    def proof(self) -> tuple[Op, ...]:
        """The operations between which it must be."""
        first = min(self.ops, key=lambda op: op.end)
        last = max(self.ops, key=lambda op: op.start)
        return (first,) if first is last else (first, last)


def check_losing(history: Sequence[Op]) -> Verdict | None:
    """Find a violation in the history of one key."""
    ops = worth_a_look(history)
    wrong = unfounded(ops)
    if wrong is not None:
        return wrong
    zones = _zones(ops)
    lasting = sorted((zone for zone in zones if zone.lasts), key=lambda z: z.first_end)
    for one, other in pairwise(lasting):
        if other.first_end < one.last_start:
            text = "a value came back after another was there"
            return Verdict(text, one.proof + other.proof, history)
    return _enclosed([zone for zone in zones if not zone.lasts], lasting, history)


def _zones(ops: Sequence[Op]) -> list[_Zone]:
    groups: dict[object, list[Op]] = {}
    for number, op in enumerate(ops):
        if op.value is not None:
            groups.setdefault(op.value, []).append(op)
        elif op.sure:
            groups[number] = [op]
    return [
        _Zone(min(op.end for op in group), max(op.start for op in group), tuple(group))
        for group in groups.values()
    ]


def _enclosed(
    brief: Sequence[_Zone], lasting: Sequence[_Zone], history: Sequence[Op]
) -> Verdict | None:
    """Find an operation that must have happened while another value was there."""
    starts = [zone.first_end for zone in lasting]
    for zone in brief:
        at = bisect_left(starts, zone.last_start) - 1
        if at >= 0 and zone.first_end < lasting[at].last_start:
            what = "missed, deleted" if zone.ops[0].value is None else "overwritten"
            text = f"a value was there again after it was {what}"
            return Verdict(text, lasting[at].proof + zone.proof, history)
    return None
