"""A run as tables for people: the figures, what was not measured, the machine."""

from collections.abc import Iterable, Sequence

from gridcache.bench.machine import MachineFacts
from gridcache.bench.result import Absent, Goal, Of, Result, Series, Unit
from gridcache.cli.report import Column, Report, Section
from gridcache.units import format_bytes

__all__ = ["as_report", "shown"]

_COLUMNS = (
    Column("figure"),
    Column("gridcache"),
    Column("range"),
    Column("beside"),
    Column("theirs"),
    Column("ratio"),
    Column("goal"),
    Column("met"),
)
_NOT_MEASURED = "not measured"
_PREFIXES = ((1.0, "s"), (1e-3, "ms"), (1e-6, "us"), (1e-9, "ns"))
_WHOLE = {Unit.PER_SECOND: "/s", Unit.BYTES: " B", Unit.COUNT: ""}
"""Shown without a fraction: what follows the number."""
_SMALL = 0.1


def as_report(results: Sequence[Result], facts: MachineFacts, *, quick: bool) -> Report:
    """Tables, and a note if the figures are not to be quoted."""
    sections = [_figures(results), _subjects(results)]
    absent = _absent(results)
    if absent.rows:
        sections.append(absent)
    sections.append(_machine(facts))
    note = "quick: fewer and smaller than the figures; not to be quoted"
    return Report(tuple(sections), note if quick else "")


def shown(value: float, unit: Unit) -> str:
    """A number with its unit, three digits.

    >>> shown(0.0000123, Unit.SECONDS), shown(0.956, Unit.SHARE)
    ('12.3 us', '95.6 %')
    """
    if unit is Unit.SECONDS:
        return _seconds(value)
    if unit is Unit.BYTES_PER_SECOND:
        return f"{_digits(value / 1e9)} GB/s"
    if unit in _WHOLE:
        return f"{value:,.0f}{_WHOLE[unit]}"
    percent = value * 100
    text = _digits(percent) if 0 < percent < 1 else f"{percent:.1f}"
    return f"{text} {'%' if unit is Unit.SHARE else 'points'}"


def _seconds(value: float) -> str:
    factor, name = next((p for p in _PREFIXES if value >= p[0]), _PREFIXES[-1])
    return f"{_digits(value / factor)} {name}"


def _digits(value: float) -> str:
    """Three significant ones, never as a power of ten.

    >>> _digits(0.00834), _digits(1.5), _digits(12.34), _digits(1234.5)
    ('0.0083', '1.50', '12.3', '1234')
    """
    if 0 < abs(value) < _SMALL:
        return f"{value:.2g}"
    places = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0  # noqa: PLR2004
    return f"{value:.{places}f}"


def _figures(results: Iterable[Result]) -> Section:
    rows = [_row(result) for result in results]
    return Section("figures", _COLUMNS, rows, title="Figures (medians over rounds)")


def _row(result: Result) -> tuple[object, ...]:
    ratio = result.ratio
    return (
        result.name,
        _median(result.ours, result.unit),
        _range(result.ours, result.unit),
        result.rival,
        "" if result.theirs is None else _median(result.theirs, result.unit),
        "" if ratio is None else f"{_digits(ratio)} x",
        "" if result.goal is None else _goal(result.goal, result.unit),
        _met(result),
    )


def _median(side: Series | Absent, unit: Unit) -> str:
    return _NOT_MEASURED if isinstance(side, Absent) else shown(side.median, unit)


def _range(side: Series | Absent, unit: Unit) -> str:
    if isinstance(side, Absent) or side.low == side.high:
        return ""
    return f"{shown(side.low, unit)} - {shown(side.high, unit)}"


def _goal(goal: Goal, unit: Unit) -> str:
    bound = "<=" if goal.at_most else ">="
    if goal.of is Of.VALUE:
        return f"{bound} {shown(goal.limit, unit)}"
    return f"{bound} {_digits(goal.limit)} x"


def _met(result: Result) -> str:
    if result.absent is not None:
        return _NOT_MEASURED
    return "" if result.met is None else ("yes" if result.met else "NO")


def _subjects(results: Iterable[Result]) -> Section:
    whats = dict.fromkeys((result.name, result.what) for result in results)
    columns = (Column("figure"), Column("what"))
    return Section("subjects", columns, list(whats), title="What was measured")


def _absent(results: Iterable[Result]) -> Section:
    found = dict.fromkeys(
        (result.rival or result.name, result.absent.why, result.absent.cure)
        for result in results
        if result.absent is not None
    )
    columns = (Column("part"), Column("why"), Column("install"))
    return Section("absent", columns, list(found), title="Not measured")


def _machine(facts: MachineFacts) -> Section:
    columns = tuple(
        Column(name)
        for name in ("date", "cpus", "memory", "kernel", "python", "load", "versions")
    )
    versions = ", ".join(f"{name} {text}" for name, text in facts.versions.items())
    row = (
        facts.date,
        f"{facts.cpus} x {facts.cpu_model}",
        format_bytes(facts.memory_nbytes),
        facts.kernel,
        facts.python,
        str(facts.load),
        versions,
    )
    return Section("machine", columns, [row], single=True, title="Machine")
