"""Rewrite: hits become fetches, what only they needed goes, the others are timed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from gridcache.dask.graph import Graph, Key, task
from gridcache.dask.identity.nodes import Alias, GraphNode, Task
from gridcache.dask.opportunistic.clone import with_function
from gridcache.dask.opportunistic.survey import Survey, targets
from gridcache.dask.opportunistic.timed import Rules, Timed, fetch_hit

__all__ = ["HIT", "Rewritten", "apart", "needed", "rewrite"]

HIT = "grid-hit-"
"""How keys of fetches begin that have keys of their own; then comes the identity."""


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A graph that reads what is there and keeps what is worth it."""

    graph: Graph
    hits: tuple[Key, ...]
    """Those that are read: hits that other hits make needless are not."""
    timed: tuple[Key, ...]

    @property
    def only_reads(self) -> bool:
        """True if nothing is left to compute."""
        return not self.timed and not any(map(_computes, self.graph.values()))


def rewrite(survey: Survey, hits: Collection[Key], rules: Rules) -> Rewritten:
    """Make of a graph one that uses the cache."""
    graph = needed(survey, hits) if hits else _whole(survey)
    digests, asked = survey.ids.digests, targets(survey.graph, survey.wanted)
    read = [key for key in hits if key in graph]
    timed = [key for key in survey.candidates if key in graph and key not in hits]
    for key in read:
        graph[key] = task(key, fetch_hit, rules.handle, digests[key])
    for key in timed:
        node: Task = graph[key]  # type: ignore[assignment]
        inputs = tuple([digests[one] for one in node.dependencies])
        func = Timed(node.func, digests[key], inputs, rules, key in asked)
        graph[key] = with_function(node, func)
    return Rewritten(graph, tuple(read), tuple(timed))


def apart(done: Rewritten) -> tuple[Rewritten, Graph]:
    """The same with fetches under keys of their own, and these alone.

    A cluster that knows a key goes on with the task it had under it.
    """
    fetches: Graph = {}
    graph = dict(done.graph)
    for key in done.hits:
        fetch = graph[key]
        assert isinstance(fetch, Task)  # noqa: S101 - `rewrite` made it
        name = f"{HIT}{fetch.args[1]}"
        fetches[name] = task(name, fetch.func, *fetch.args)
        graph[key] = Alias(key, name)
    return replace(done, graph={**graph, **fetches}), fetches


def _computes(node: GraphNode) -> bool:
    return isinstance(node, Task) and node.func is not fetch_hit


def _whole(survey: Survey) -> Graph:
    """All that is needed, which is most often all there is."""
    if len(survey.graph) == len(survey.ids.digests):
        return dict(survey.graph)
    return needed(survey, ())


def needed(survey: Survey, hits: Collection[Key]) -> Graph:
    """What the wanted need if hits need nothing.

    Keys that are not in the graph are those of results that a cluster holds.
    """
    graph, found = survey.graph, dict.fromkeys(survey.wanted)
    waiting: list[Key] = list(found)
    while waiting:
        key = waiting.pop()
        inputs: Iterable[Key] = graph[key].dependencies if key in graph else ()
        for one in inputs if key not in hits else ():
            if one not in found:
                found[one] = None
                waiting.append(one)
    return {key: graph[key] for key in found if key in graph}
