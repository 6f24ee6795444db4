"""Write-through: a lazy collection whose partitions stay in the grid once computed.

The building block for sharing: what is below two expressions is computed for the first
and read for the second, whoever comes first, in any process. Nothing is published, and
what is there may be evicted: then it is computed again.

A partition whose upstream is its own becomes one task, which looks when it runs. Where
partitions share upstream tasks (a shuffle) that would compute these many times: there
the look is made now, and what is missing stays in the graph.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from dask.local import get_sync

from gridcache.advice import advise
from gridcache.cache import GridCache
from gridcache.dask.graph import (
    Graph,
    Key,
    Plan,
    culled,
    materialize,
    rebuilt,
    shell,
    task,
)
from gridcache.dask.handle import Handle
from gridcache.dask.identity import identities
from gridcache.dask.partitions import (
    Keeping,
    fetch_partition,
    keep_partition,
    pass_partition,
    present,
)
from gridcache.dask.texts import auto_text
from gridcache.digest import digest
from gridcache.values import ttl_seconds

__all__ = ["Recipe", "cache"]


def cache(
    collection: Any,
    *,
    cache: GridCache | Handle | str | None = None,
    ttl: float | str | timedelta | None = None,
    version: str | None = None,
) -> Any:
    """Keep what a collection computes, from when it is first computed.

    Parameters
    ----------
    collection
        A Dask array, dataframe, series, bag, delayed value or an xarray object.
    cache
        Where: a `GridCache`, or the name of one; None for "dask".
    ttl
        How long partitions live ("1h" or seconds); None: until they are evicted.
    version
        Names what Dask cannot see: the data's or the code's version.

    Returns
    -------
    Any
        A lazy collection of the same type; it is not fused with what is made of it,
        so that all that is made of it shares it.

    Raises
    ------
    ConfigError
        It is no Dask collection.
    """
    handle, keeping = Handle.of(cache), Keeping(ttl_seconds(ttl))
    plan = materialize(collection)
    ids = identities(plan.graph, plan.keys, salt=version or "")
    if ids.unsafe and version is None:
        advise(f"{ids.unsafe[0]}. Say what the data are with version=")
    texts = [auto_text(ids.digests[key]) for key in plan.keys]
    identity = digest((texts, handle.digest()))
    like, keys = shell(plan, f"grid-cache-{identity[:16]}")
    wanted = dict(zip(keys, zip(plan.keys, texts, strict=True), strict=True))
    own = _own_upstream(plan)
    if own is None:
        tasks = _looked_up(plan, wanted, handle, keeping)
    else:
        tasks = {
            new: task(new, keep_partition, handle, text, keeping, Recipe(own[old], old))
            for new, (old, text) in wanted.items()
        }
    return rebuilt(like, tasks, keys)


@dataclass(frozen=True, slots=True)
class Recipe:
    """Computes one partition, in the task that needs it."""

    graph: Graph
    key: Key

    def __call__(self) -> Any:
        """Compute it, in this thread."""
        return get_sync(self.graph, self.key)


def _own_upstream(plan: Plan) -> dict[Key, Graph] | None:
    """The tasks below each partition; None if two partitions share one."""
    owners: dict[Key, Key] = {}
    for key in dict.fromkeys(plan.keys):
        if not _claim(plan.graph, key, owners):
            return None
    own: dict[Key, Graph] = {key: {} for key in plan.keys}
    for key, owner in owners.items():
        own[owner][key] = plan.graph[key]
    return own


def _claim(graph: Graph, owner: Key, owners: dict[Key, Key]) -> bool:
    waiting = [owner]
    while waiting:
        key = waiting.pop()
        if owners.setdefault(key, owner) != owner:
            return False
        waiting.extend(one for one in graph[key].dependencies if one not in owners)
        if any(owners.get(one, owner) != owner for one in graph[key].dependencies):
            return False
    return True


def _looked_up(
    plan: Plan,
    wanted: Mapping[Key, tuple[Key, str]],
    handle: Handle,
    keeping: Keeping,
) -> Graph:
    """Tasks of what is there now and of what is not, with all the latter needs."""
    there = present(handle, {text for _, text in wanted.values()})
    missing = [old for old, text in wanted.values() if text not in there]
    tasks = culled(plan.graph, missing) if missing else {}
    for new, (old, text) in wanted.items():
        if text in there:
            tasks[new] = task(new, fetch_partition, handle, text, _OF)
        else:
            tasks[new] = task(new, pass_partition, handle, text, keeping, of=old)
    return tasks


_OF = "a collection that was cached (make it again with gridcache.dask.cache)"
