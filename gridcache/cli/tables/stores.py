"""The machine's stores as a section."""

from collections.abc import Sequence
from pathlib import Path

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.store.directory import StoreSummary

__all__ = ["stores_report"]

COLUMNS = (
    Column("name"),
    Column("path", detail=True),
    Column("on_disk", Kind.FLAG),
    Column("capacity_nbytes", Kind.BYTES),
    Column("directory_nbytes", Kind.BYTES, "taken"),
    Column("entries", Kind.COUNT),
    Column("clients", Kind.COUNT, "processes"),
    Column("created", Kind.INSTANT),
)

STAYS = (
    "The memory stays taken after processes end, until `grid rm-store NAME` or a "
    "reboot; what is not on disk is lost then."
)


def stores_report(stores: Sequence[StoreSummary], directory: Path) -> Report:
    """One row a store."""
    rows = [
        (
            store.name,
            store.path,
            store.on_disk,
            store.capacity_nbytes,
            store.directory_nbytes,
            store.entries,
            store.clients,
            store.created,
        )
        for store in stores
    ]
    note = STAYS if rows else f"no store under {directory}; the first put makes one"
    return Report((Section("stores", COLUMNS, rows),), note)
