"""Entries as sections: keys alone, a row each, or one in full."""

from collections.abc import Sequence

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.store.outcome import EntryInfo

__all__ = ["entries_report", "entry_report", "keys_report"]

KEY = Column("key")

BRIEF = (
    KEY,
    Column("raw_nbytes", Kind.BYTES, "value"),
    Column("stored_nbytes", Kind.BYTES, "stored", detail=True),
    Column("format"),
    Column("created", Kind.INSTANT),
    Column("expires", Kind.INSTANT),
    Column("hits", Kind.COUNT),
    Column("cost_s", Kind.SECONDS, "cost", detail=True),
    Column("pinned", Kind.FLAG, detail=True),
    Column("tags", Kind.NAMES),
)

FULL = (
    KEY,
    Column("namespace"),
    *BRIEF[1:],
    Column("compressed", Kind.FLAG),
    Column("inline", Kind.FLAG, "in the index"),
    Column("generation", Kind.COUNT),
)


def keys_report(keys: Sequence[str]) -> Report:
    """Keys alone."""
    return Report((Section("keys", (KEY,), [(key,) for key in keys]),))


def entries_report(infos: Sequence[EntryInfo]) -> Report:
    """A row per entry."""
    return Report((Section("keys", BRIEF, [_row(BRIEF, info) for info in infos]),))


def entry_report(info: EntryInfo) -> Report:
    """One entry in full."""
    return Report((Section("entry", FULL, [_row(FULL, info)], single=True),))


def _row(columns: tuple[Column, ...], info: EntryInfo) -> tuple[object, ...]:
    return tuple(getattr(info, column.name) for column in columns)
