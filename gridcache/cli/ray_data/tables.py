"""Published datasets as sections."""

import time
from collections.abc import Iterable

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.ray_data.describe import DatasetInfo

__all__ = ["info_report", "names_report"]

NAMES = (
    Column("name"),
    Column("rows", Kind.COUNT),
    Column("version", detail=True),
    Column("blocks", Kind.COUNT),
    Column("present", Kind.COUNT),
    Column("nbytes", Kind.BYTES, "bytes"),
    Column("age_s", Kind.SECONDS, "age"),
    Column("created", Kind.INSTANT, detail=True),
    Column("expires", Kind.INSTANT, detail=True),
    Column("nodes", Kind.NAMES),
)

FIELDS = (Column("column"), Column("type"))

NODES = (
    Column("node"),
    Column("blocks", Kind.COUNT),
    Column("nbytes", Kind.BYTES, "bytes"),
)

EMPTY = 'nothing is published; gridcache.ray_data.persist(dataset, "NAME") does it'
INCOMPLETE = (
    "Ray blocks are gone: persist the same dataset under its name again, it runs once "
    "more"
)


def names_report(infos: Iterable[DatasetInfo]) -> Report:
    """One row a name."""
    infos = list(infos)
    whole = all(info.complete for info in infos)
    note = ("" if whole else INCOMPLETE) if infos else EMPTY
    return Report((Section("names", NAMES, list(map(_row, infos))),), note)


def info_report(info: DatasetInfo) -> Report:
    """One name: what it is, and where it lies."""
    nodes = [
        (node, count, info.nodes.get(node, 0))
        for node, count in sorted(info.blocks.items(), key=lambda pair: -pair[1])
    ]
    sections = (
        Section("info", NAMES, [_row(info)], single=True),
        Section("columns", FIELDS, list(info.schema.items()), title="Columns"),
        Section("nodes", NODES, nodes, title="Nodes"),
    )
    return Report(sections, "" if info.complete else INCOMPLETE)


def _row(info: DatasetInfo) -> tuple[object, ...]:
    return (
        info.name,
        info.rows,
        info.version,
        sum(info.blocks.values()),
        info.present,
        info.nbytes,
        max(0.0, time.time() - info.created_s),
        info.created_s,
        info.expires_s,
        tuple(info.nodes),
    )
