"""An explanation as sections, for programs; people read its text."""

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.store.outcome import Explanation, Lessee

__all__ = ["explanation_report"]

COLUMNS = (
    Column("key"),
    Column("namespace"),
    Column("present", Kind.FLAG),
    Column("reason"),
    Column("at", Kind.INSTANT),
    Column("need_nbytes", Kind.BYTES),
    Column("near_keys", Kind.NAMES),
    Column("lessees", Kind.NAMES),
    Column("text"),
)


def explanation_report(explanation: Explanation) -> Report:
    """One record; who holds views is nested in it."""
    row = (
        explanation.key,
        explanation.namespace,
        explanation.present,
        explanation.reason,
        explanation.at,
        explanation.need_nbytes,
        explanation.near_keys,
        tuple(_lessee(one) for one in explanation.lessees),
        explanation.text,
    )
    return Report((Section("explanation", COLUMNS, [row], single=True),))


def _lessee(lessee: Lessee) -> dict[str, object]:
    return {
        "pid": lessee.pid,
        "command": lessee.command,
        "leases": lessee.leases,
        "nbytes": lessee.nbytes,
    }
