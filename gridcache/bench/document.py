"""A run as JSON, for programs that compare runs.

The fields are documented in `docs/reference/bench.md`; `schema_version` rises when
one changes or goes.
"""

from collections.abc import Iterable

from gridcache.bench.machine import MachineFacts
from gridcache.bench.result import Absent, Goal, Result, Series

__all__ = ["SCHEMA_VERSION", "as_document"]

SCHEMA_VERSION = 1


def as_document(
    results: Iterable[Result], facts: MachineFacts, *, quick: bool
) -> dict[str, object]:
    """Everything measured, with the machine it was measured on."""
    return {
        "schema_version": SCHEMA_VERSION,
        "quick": quick,
        "machine": facts.as_json(),
        "results": [_result(result) for result in results],
    }


def _result(result: Result) -> dict[str, object]:
    return {
        "name": result.name,
        "what": result.what,
        "unit": str(result.unit),
        "gridcache": _side(result.ours),
        "rival": result.rival or None,
        "theirs": None if result.theirs is None else _side(result.theirs),
        "ratio": result.ratio,
        "goal": None if result.goal is None else _goal(result.goal),
        "met": _met(result),
    }


def _side(side: Series | Absent) -> dict[str, object]:
    if isinstance(side, Absent):
        return {"not_measured": side.why, "cure": side.cure or None}
    return {
        "median": side.median,
        "min": side.low,
        "max": side.high,
        "rounds": len(side.values),
        "values": list(side.values),
    }


def _goal(goal: Goal) -> dict[str, object]:
    kind = "at_most" if goal.at_most else "at_least"
    return {"of": str(goal.of), kind: goal.limit}


def _met(result: Result) -> str | None:
    if result.absent is not None:
        return "not measured"
    return None if result.met is None else ("yes" if result.met else "no")
