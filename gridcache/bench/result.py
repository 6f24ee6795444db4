"""What a benchmark found: series of rounds, what they are held against, goals.

Glossary: a *series* is one number per round (itself a median or a mean of many
operations). A *rival* is what stands beside gridcache in the same rounds; it may
be another system, or gridcache itself in another condition.
"""

from dataclasses import dataclass
from enum import StrEnum
from statistics import median

__all__ = ["Absent", "Goal", "Of", "Result", "Series", "Unit"]


class Unit(StrEnum):
    """Of a series; always the base unit, people see a prefix."""

    SECONDS = "s"
    BYTES_PER_SECOND = "B/s"
    PER_SECOND = "1/s"
    BYTES = "B"
    COUNT = "count"
    SHARE = "share"
    """Between 0 and 1."""
    POINTS = "points"
    """Hundredths, as a difference of two shares."""


@dataclass(frozen=True, slots=True)
class Series:
    """One number per round, in the order they were measured."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """What a figure quotes."""
        return float(median(self.values))

    @property
    def low(self) -> float:
        """The least round."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest round."""
        return max(self.values)

    def scaled(self, factor: float) -> "Series":
        """Every round multiplied."""
        return Series(tuple(value * factor for value in self.values))

    def per(self, amount: float) -> "Series":
        """Every round as `amount` divided by it: times become speeds."""
        return Series(tuple(amount / value for value in self.values))


@dataclass(frozen=True, slots=True)
class Absent:
    """Nothing was measured, and why."""

    why: str
    cure: str = ""
    """The command that installs what is missing, if that is the reason."""
    fault: bool = False
    """True if it should have worked: the run then ends with an error."""

    def __str__(self) -> str:
        return f"{self.why}; {self.cure}" if self.cure else self.why


class Of(StrEnum):
    """What a goal bounds."""

    RATIO = "ratio"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound, inclusive."""

    limit: float
    of: Of = Of.RATIO
    at_most: bool = True

    def allows(self, value: float) -> bool:
        """True if the value keeps the bound."""
        return value <= self.limit if self.at_most else value >= self.limit


@dataclass(frozen=True, slots=True)
class Result:
    """One row: gridcache, beside one rival or alone, and the goal."""

    name: str
    """Of the figure; unique together with the rival."""
    what: str
    """One line: the operation, sizes and counts as measured."""
    unit: Unit
    ours: Series | Absent
    rival: str = ""
    theirs: Series | Absent | None = None
    goal: Goal | None = None

    @property
    def ratio(self) -> float | None:
        """Ours over theirs, the median of the rounds' own ratios.

        The two numbers of a round were taken one after the other, so a machine
        that slows down for a while slows both. Counts have none: they may be 0.
        """
        if self.unit is Unit.COUNT:
            return None
        if not (isinstance(self.ours, Series) and isinstance(self.theirs, Series)):
            return None
        pairs = zip(self.ours.values, self.theirs.values, strict=False)
        return float(median(a / b if b else float("inf") for a, b in pairs))

    @property
    def met(self) -> bool | None:
        """Whether the goal was reached; None without a goal or a measurement."""
        if self.goal is None or not isinstance(self.ours, Series):
            return None
        value = self.ours.median if self.goal.of is Of.VALUE else self.ratio
        return None if value is None else self.goal.allows(value)

    @property
    def absent(self) -> Absent | None:
        """What is missing, gridcache's own part first."""
        for part in (self.ours, self.theirs):
            if isinstance(part, Absent):
                return part
        return None
