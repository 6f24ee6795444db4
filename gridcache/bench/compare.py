"""Rows from series: gridcache beside each rival, each with its goal."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gridcache.bench.result import Absent, Goal, Result, Series, Unit

__all__ = ["OURS", "Figure"]

OURS = "gridcache"


@dataclass(frozen=True, slots=True)
class Figure:
    """What is the same in all rows of a figure."""

    name: str
    what: str
    unit: Unit
    goals: Mapping[str, Goal] = field(default_factory=dict)
    """By rival; `OURS` for one on our own value."""

    def rows(
        self,
        series: Mapping[str, Series],
        absent: Mapping[str, Absent] | None = None,
    ) -> Iterator[Result]:
        """One row per rival, those with a goal first; one alone if there is none."""
        others: dict[str, Series | Absent] = dict(absent or {})
        others |= {name: found for name, found in series.items() if name != OURS}
        ours = series[OURS]
        if OURS in self.goals or not others:
            yield self._row(ours, goal=self.goals.get(OURS))
        for name in sorted(others, key=self._turn):
            yield self._row(ours, name, others[name], self.goals.get(name))

    def _turn(self, name: str) -> tuple[int, str]:
        order = list(self.goals)
        return (order.index(name) if name in order else len(order), name)

    def _row(
        self,
        ours: Series,
        rival: str = "",
        theirs: Series | Absent | None = None,
        goal: Goal | None = None,
    ) -> Result:
        return Result(self.name, self.what, self.unit, ours, rival, theirs, goal)
