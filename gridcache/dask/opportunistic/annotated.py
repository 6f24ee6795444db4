"""Annotated: what layers say of their tasks stays said.

Priorities, workers, resources and retries belong to layers of a graph; a graph of plain
tasks has none. So tasks with annotations go in layers of their own again.
"""

from collections import defaultdict
from typing import Any

from dask._expr import HLGExpr
from dask.highlevelgraph import HighLevelGraph, MaterializedLayer

from gridcache.dask.graph import Graph, Key

__all__ = ["annotated"]


def annotated(graph: Graph, source: Any) -> Graph | HighLevelGraph:
    """A graph with the annotations of the one it was made of."""
    said = _said(source)
    if said.keys().isdisjoint(graph):
        return graph
    groups: defaultdict[str, Graph] = defaultdict(dict)
    notes: dict[str, dict[str, Any]] = {}
    for key, node in graph.items():
        note = said.get(key, {})
        group = f"grid-{sorted(note.items(), key=str)}"
        groups[group][key], notes[group] = node, note
    layers = {
        group: MaterializedLayer(tasks, annotations=notes[group] or None)
        for group, tasks in groups.items()
    }
    # Layers that mix cannot be put in an order; who runs tasks needs none.
    return HighLevelGraph(layers, {group: set() for group in layers})


def _said(source: Any) -> dict[Key, dict[str, Any]]:
    if isinstance(source, HighLevelGraph):
        source = HLGExpr(source)
    if not hasattr(source, "__dask_annotations__"):
        return {}
    by_key: defaultdict[Key, dict[str, Any]] = defaultdict(dict)
    for kind, values in source.__dask_annotations__().items():
        for key, value in values.items():
            by_key[key][kind] = value
    return dict(by_key)
