"""A grid and its nodes as sections."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from operator import attrgetter

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.cluster.actors.status import GridStatus, NodeInfo

__all__ = [
    "distribute_report",
    "grid_section",
    "moves_section",
    "nodes_report",
    "nodes_section",
]

GRID = (
    Column("grid"),
    Column("ray_address", label="Ray"),
    Column("epoch", Kind.COUNT),
    Column("mode"),
    Column("nodes", Kind.COUNT),
    Column("capacity_nbytes", Kind.BYTES),
    Column("free_nbytes", Kind.BYTES),
)

NODES = (
    Column("name", label="node"),
    Column("host"),
    Column("port", detail=True),
    Column("state"),
    Column("capacity_nbytes", Kind.BYTES),
    Column("free_nbytes", Kind.BYTES),
    Column("entries", Kind.COUNT),
    Column("blocks", Kind.COUNT),
    Column("number", Kind.COUNT, detail=True),
    Column("ray_node_id", detail=True),
    Column("store", detail=True),
    Column("labels", Kind.NAMES, detail=True),
    Column("reason", detail=True),
)

DISTRIBUTED = (
    Column("name", label="node"),
    Column("cpus", Kind.COUNT, "CPUs"),
    Column("memory_nbytes", Kind.BYTES, "Ray's memory"),
    Column("capacity_nbytes", Kind.BYTES),
    Column("state", label="actor"),
    Column("pid"),
    Column("epoch", Kind.COUNT),
)

MOVES = (
    Column("source"),
    Column("target"),
    Column("partitions", Kind.COUNT),
)


def grid_section(status: GridStatus) -> Section:
    """The grid as one record."""
    row = (
        status.name,
        status.ray_address,
        status.epoch,
        status.mode,
        len(status.nodes),
        _sum(node.capacity_nbytes for node in status.nodes),
        _sum(node.free_nbytes for node in status.nodes),
    )
    return Section("grid", GRID, [row], single=True, title="Grid")


def nodes_section(nodes: Iterable[NodeInfo]) -> Section:
    """A row per node."""
    return Section("nodes", NODES, _rows(NODES, map(_tidy, nodes)), title="Nodes")


def nodes_report(nodes: Iterable[NodeInfo]) -> Report:
    """The nodes alone."""
    found = list(nodes)
    section = Section("nodes", NODES, _rows(NODES, map(_tidy, found)))
    return Report((section,), _note(found))


def distribute_report(status: GridStatus) -> Report:
    """The grid, and what each node brings to Ray and to it."""
    rows = _rows(DISTRIBUTED, map(_tidy, status.nodes))
    return Report(
        (grid_section(status), Section("nodes", DISTRIBUTED, rows, title="Nodes"))
    )


def moves_section(status: GridStatus) -> Section:
    """Partitions on their way, a row per pair of nodes."""
    names = {node.number: node.name for node in status.nodes}

    def name(number: int) -> str:
        return names.get(number, f"member {number}")

    counts = Counter((name(move.source), name(move.target)) for move in status.moves)
    rows = [(source, target, count) for (source, target), count in counts.items()]
    return Section("moves", MOVES, rows, title="Moves under way")


def _note(nodes: list[NodeInfo]) -> str:
    reasons = [f"{node.name}: {node.reason}" for node in nodes if node.reason]
    return "; ".join(reasons) if nodes else "no node has joined yet"


def _rows(
    columns: tuple[Column, ...], records: Iterable[object]
) -> list[tuple[object, ...]]:
    get = attrgetter(*(column.name for column in columns))
    return [get(record) for record in records]


def _tidy(node: NodeInfo) -> NodeInfo:
    """The same, whoever was asked: Ray gives labels in any order."""
    labels = dict(sorted(node.labels.items()))
    return replace(node, cpus=_whole(node.cpus), labels=labels)


def _whole(cpus: float | None) -> float | None:
    """Ray counts in floats what people count in whole numbers."""
    return int(cpus) if cpus is not None and cpus.is_integer() else cpus


def _sum(sizes: Iterable[int | None]) -> int:
    return sum(size for size in sizes if size is not None)
