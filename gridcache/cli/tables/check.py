"""A verification as sections: the totals, then a row per problem."""

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.store.outcome import CheckReport

__all__ = ["check_report"]

TOTALS = (
    Column("ok", Kind.FLAG),
    Column("entries", Kind.COUNT, "entries checked"),
    Column("extents", Kind.COUNT, "extents checked"),
)
PROBLEM = (Column("problem"),)


def check_report(found: CheckReport) -> Report:
    """Totals, then what is wrong."""
    totals = (found.ok, found.entries, found.extents)
    problems = [(problem,) for problem in found.problems]
    return Report(
        (
            Section("check", TOTALS, [totals], single=True),
            Section("problems", PROBLEM, problems),
        )
    )
