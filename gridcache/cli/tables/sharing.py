"""The memory pool and how it is shared, as sections."""

from collections.abc import Mapping
from typing import Any

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cli.tables.nodes import moves_section
from gridcache.cluster.actors.status import GridStatus
from gridcache.cluster_config import ResourceSharing

__all__ = ["pool_report", "sharing_report"]

SHARING = (Column("enabled", Kind.FLAG), Column("mode"))

POOL = (
    Column("blocks", Kind.COUNT),
    Column("size_nbytes", Kind.BYTES, "in blocks"),
    Column("capacity_nbytes", Kind.BYTES),
    Column("free_nbytes", Kind.BYTES),
)

NODES = (Column("node"), *POOL)


def pool_report(stats: Mapping[str, Any]) -> Report:
    """What `DistributedMemoryPool.get_stats` returns: the pool, then its nodes."""
    return Report(_pool_sections(stats))


def sharing_report(
    sharing: ResourceSharing, stats: Mapping[str, Any], status: GridStatus
) -> Report:
    """Whether memory is shared and how, what is in the pool, what is on its way."""
    row = (sharing.enabled, status.mode)
    first = Section("sharing", SHARING, [row], single=True, title="Sharing")
    return Report((first, *_pool_sections(stats), moves_section(status)))


def _pool_sections(stats: Mapping[str, Any]) -> tuple[Section, Section]:
    rows = [_row(NODES, node) for node in stats["nodes"]]
    return (
        Section("pool", POOL, [_row(POOL, stats)], single=True, title="Pool"),
        Section("nodes", NODES, rows, title="Nodes"),
    )


def _row(columns: tuple[Column, ...], facts: Mapping[str, Any]) -> tuple[object, ...]:
    """The pool says bytes as its document does, our output as all of our output."""
    return tuple(facts[column.name.replace("_nbytes", "_bytes")] for column in columns)
