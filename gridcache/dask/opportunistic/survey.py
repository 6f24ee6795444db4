"""Survey: a graph, what its tasks compute, and which of them the cache has."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from inspect import iscoroutinefunction
from typing import Any

from dask.core import flatten

from gridcache.dask.graph import Graph, Key, low_level
from gridcache.dask.identity import Identities, identities
from gridcache.dask.identity.nodes import Alias, Task
from gridcache.published.handle import Handle
from gridcache.published.keeping import present
from gridcache.published.texts import auto_text

__all__ = ["Survey", "survey"]


_OURS = "gridcache.dask."


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

    def without(self, held: Collection[Key]) -> "Survey":
        """The same where whoever runs it has the results of some keys already."""
        if not held:
            return self
        graph = {key: node for key, node in self.graph.items() if key not in held}
        rest = tuple(key for key in self.candidates if key not in held)
        return replace(self, graph=graph, candidates=rest)


def survey(graph: Any, keys: Any, salt: str = "") -> Survey:
    """Find out what a graph computes; looks up nothing.

    Parameters
    ----------
    graph
        In any of Dask's forms.
    keys
        Of the results, nested as Dask likes it.
    """
    tasks, wanted = low_level(graph), tuple(flatten([keys]))
    ids = identities(tasks, wanted, salt=salt)
    barred = ids.impure | ids.effects
    candidates = [key for key in ids.digests if key in tasks and key not in barred]
    return Survey(tasks, wanted, ids, tuple(_computing(tasks, candidates)))


def _computing(graph: Graph, keys: Iterable[Key]) -> Iterator[Key]:
    """Those that call a function which gives their result.

    Data, aliases and containers are what they are made of; other kinds of tasks are
    of Dask's own making, for what they do. Our own tasks read what is kept, or must
    run since they keep it.
    """
    plain: dict[int, bool] = {}
    for key in keys:
        node = graph[key]
        if type(node) is Task:
            me = id(node.func)
            if me not in plain:
                plain[me] = _is_plain(node.func)
            if plain[me]:
                yield key


def _is_plain(function: Any) -> bool:
    ours = str(getattr(function, "__module__", "")).startswith(_OURS)
    return not ours and not iscoroutinefunction(function)


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
