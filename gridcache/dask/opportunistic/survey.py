"""Survey: a graph, what its tasks compute, and which of them the cache has."""

from collections.abc import Iterable
from dataclasses import dataclass
from inspect import iscoroutinefunction
from typing import Any

from dask._task_spec import Alias, Task, convert_legacy_graph
from dask.core import flatten
from dask.utils import ensure_dict

from gridcache.dask.graph import Graph, Key
from gridcache.dask.handle import Handle
from gridcache.dask.identity import Identities, identities
from gridcache.dask.partitions import present
from gridcache.dask.texts import auto_text

__all__ = ["Survey", "survey"]


@dataclass(frozen=True, slots=True)
class Survey:
    """A graph that somebody wants results of."""

    graph: Graph
    wanted: tuple[Key, ...]
    ids: Identities
    candidates: tuple[Key, ...]
    """Tasks whose results may be kept."""

    def text(self, key: Key) -> str:
        """What a task's result is called in the cache."""
        return auto_text(self.ids.digests[key])

    def hits(self, handle: Handle, gone: Iterable[str] = ()) -> set[Key]:
        """Tasks whose results are there now; one look for all of them.

        Parameters
        ----------
        gone
            Texts that count as missing.
        """
        texts = {key: self.text(key) for key in self.candidates}
        there = present(handle, set(texts.values())).difference(gone)
        return {key for key, text in texts.items() if text in there} if there else set()


def survey(graph: Any, keys: Any, salt: str = "") -> Survey:
    """Find out what a graph computes; looks up nothing.

    Parameters
    ----------
    graph
        In any of Dask's forms.
    keys
        Of the results, nested as Dask likes it.
    """
    tasks, wanted = _tasks(graph), tuple(flatten([keys]))
    ids = identities(tasks, wanted, salt=salt)
    candidates = tuple(
        key for key in ids.digests if _computes(tasks.get(key)) and ids.cacheable(key)
    )
    return Survey(tasks, wanted, ids, candidates)


def _tasks(graph: Any) -> Graph:
    found = getattr(graph, "_optimized_dsk", None)
    if found is None:
        found = graph if isinstance(graph, dict) else graph.__dask_graph__()
    tasks: Graph = convert_legacy_graph(ensure_dict(found))
    return tasks


def _computes(node: Any) -> bool:
    """Tell whether a node calls a function that gives its result.

    Data, aliases and containers are what they are made of; other kinds of tasks are
    of Dask's own making, for what they do.
    """
    return type(node) is Task and not iscoroutinefunction(node.func)


def targets(graph: Graph, keys: Iterable[Key]) -> set[Key]:
    """The tasks that give these results, behind their aliases."""
    found = set()
    for key in keys:
        node = graph.get(key)
        while isinstance(node, Alias):
            key = node.target  # noqa: PLW2901 - what the key stands for
            node = graph.get(key)
        found.add(key)
    return found
