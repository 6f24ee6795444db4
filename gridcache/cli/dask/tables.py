"""Published collections and spilled memory as sections."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.dask.describe import NameInfo

__all__ = ["info_report", "names_report", "spilled_report"]

NAMES = (
    Column("name"),
    Column("kind"),
    Column("shape", detail=True),
    Column("version", detail=True),
    Column("partitions", Kind.COUNT),
    Column("present", Kind.COUNT),
    Column("nbytes", Kind.BYTES, "bytes"),
    Column("age_s", Kind.SECONDS, "age"),
    Column("created", Kind.INSTANT, detail=True),
    Column("expires", Kind.INSTANT, detail=True),
    Column("replicas", Kind.COUNT, detail=True),
    Column("nodes", Kind.NAMES),
)

NODES = (Column("node"), Column("nbytes", Kind.BYTES, "bytes"))

SPILLED = (
    Column("worker"),
    Column("memory_nbytes", Kind.BYTES),
    Column("own_node_nbytes", Kind.BYTES),
    Column("other_nodes_nbytes", Kind.BYTES),
    Column("disk_nbytes", Kind.BYTES),
    Column("memory_values", Kind.COUNT, detail=True),
    Column("own_node_values", Kind.COUNT, detail=True),
    Column("other_nodes_values", Kind.COUNT, detail=True),
    Column("disk_values", Kind.COUNT, detail=True),
    Column("fell", Kind.COUNT),
    Column("lost", Kind.COUNT),
    Column("recovery"),
)

EMPTY = 'nothing is published; gridcache.dask.persist(collection, "NAME") does it'
INCOMPLETE = (
    "some partitions are gone: persist the same collection under its name again, "
    "only what is missing is computed"
)
STOCK = (
    "no worker spills into the grid: client.register_plugin("
    "gridcache.dask.SpillPlugin()), or --preload gridcache.dask.preload"
)


def names_report(infos: Iterable[NameInfo]) -> Report:
    """One row a name."""
    infos = list(infos)
    rows = [_row(info) for info in infos]
    gone = not all(info.complete for info in infos)
    note = (INCOMPLETE if gone else "") if rows else EMPTY
    return Report((Section("names", NAMES, rows),), note)


def info_report(info: NameInfo) -> Report:
    """One name: what it is, and where it lies."""
    first = Section("info", NAMES, [_row(info)], single=True)
    nodes = sorted(info.nodes.items(), key=lambda pair: -pair[1])
    return Report(
        (first, Section("nodes", NODES, nodes, title="Nodes")),
        "" if info.complete else INCOMPLETE,
    )


def _row(info: NameInfo) -> tuple[object, ...]:
    return (
        info.name,
        info.kind,
        info.shape,
        info.version,
        info.partitions,
        info.present,
        info.nbytes,
        max(0.0, time.time() - info.created_s),
        info.created_s,
        info.expires_s,
        info.replicas,
        tuple(info.nodes),
    )


def spilled_report(workers: Mapping[str, Any], recovery: Mapping[str, Any]) -> Report:
    """One row a worker.

    Parameters
    ----------
    workers
        `SpillFigures` by address.
    recovery
        Figures of recovery by address; None without the plugin.
    """
    rows = [
        (
            address,
            one.memory_bytes,
            one.grid_own_bytes,
            one.grid_others_bytes,
            one.disk_bytes,
            one.memory_count,
            one.grid_own_count,
            one.grid_others_count,
            one.disk_count,
            one.fell,
            *_recovered(recovery.get(address)),
        )
        for address, one in workers.items()
    ]
    return Report((Section("spilled", SPILLED, rows),))


def _recovered(figures: Mapping[str, Any] | None) -> tuple[object, str]:
    if figures is None:
        return None, "not installed"
    return figures["lost"], figures["off"] or "on"
