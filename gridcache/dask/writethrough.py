"""Write-through: a lazy collection whose partitions stay in the grid once computed.

The building block for sharing: what is below two expressions is computed for the first
and read for the second, whoever comes first, in any process. Nothing is published, and
what is there may be evicted: then it is computed again.

A partition that is computed from nothing that others need becomes one task, which looks
when it runs (see `gridcache.dask.upstream`). For the others the look is made now, and
what is missing stays in the graph.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from gridcache.advice import advise
from gridcache.cache import GridCache
from gridcache.dask.address import handle_of
from gridcache.dask.graph import (
    Graph,
    Key,
    Plan,
    culled,
    is_special,
    materialize,
    rebuilt,
    shell,
    task,
)
from gridcache.dask.identity import identities
from gridcache.dask.partitions import (
    fetch_partition,
    keep_partition,
    pass_partition,
)
from gridcache.dask.sameness import partition_digests, structure_digest
from gridcache.dask.upstream import guarded, recipes
from gridcache.digest import digest
from gridcache.published.handle import Handle
from gridcache.published.keeping import Keeping, all_present, present
from gridcache.published.texts import auto_text, checked_version
from gridcache.values import ttl_seconds

__all__ = ["cache"]


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
    handle, keeping = handle_of(cache).renewed(), Keeping(ttl_seconds(ttl))
    checked_version(version)
    plan = materialize(collection)
    ids = identities(plan.graph, plan.keys, salt=version or "")
    if ids.unsafe and version is None:
        advise(f"{ids.unsafe[0]}. Say what the data are with version=")
    texts = [auto_text(one) for one in partition_digests(plan, ids)]
    identity = digest((texts, structure_digest(plan), handle.digest()))
    like, keys = shell(plan, f"grid-cache-{identity[:16]}")
    wanted = {
        new: _Wanted(old, text)
        for new, old, text in zip(keys, plan.keys, texts, strict=True)
    }
    return rebuilt(like, _tasks(plan, wanted, handle, keeping), keys)


class _Wanted(NamedTuple):
    """A partition, by the task that computes it and by its text."""

    key: Key
    text: str


def _tasks(
    plan: Plan, wanted: Mapping[Key, _Wanted], handle: Handle, keeping: Keeping
) -> Graph:
    own = recipes(plan)
    alone = {key for key, recipe in own.items() if recipe.narrow}
    there = present(
        handle, {one.text for one in wanted.values() if one.key not in alone}
    )
    tasks, inputs, waiting = Graph(), list[Key](), dict[Key, _Wanted]()
    for new, one in wanted.items():
        if one.key in alone or (one.key in own and one.text in there):
            recipe = own[one.key]
            how = (handle, one.text, keeping, recipe)
            tasks[new] = task(new, keep_partition, *how, also=recipe.inputs)
            inputs.extend(recipe.inputs)
        elif one.text in there:
            tasks[new] = task(new, fetch_partition, handle, one.text, _OF)
        else:
            waiting[new] = one
    passed = _passed(plan, waiting, handle, keeping) if waiting else {}
    return culled(plan.graph, inputs) | passed | tasks


def _passed(
    plan: Plan, waiting: Mapping[Key, _Wanted], handle: Handle, keeping: Keeping
) -> Graph:
    """Tasks of what was not there when it was looked for, with all that they need."""
    tasks = culled(plan.graph, [one.key for one in waiting.values()])
    texts = tuple(one.text for one in waiting.values())
    look = f"grid-look-{digest(texts)}"
    # Those that a scheduler must see as they are run each time.
    if plain := any(map(is_special, tasks.values())):
        also: tuple[Key, ...] = ()
    else:
        tasks, also = guarded(tasks, look), (look,)
        tasks[look] = task(look, all_present, handle, texts)
    for new, (old, text) in waiting.items():
        how = (handle, text, keeping, _OF)
        of = old if plain else (look, old)
        tasks[new] = task(new, pass_partition, *how, of=of, also=also)
    return tasks


_OF = "a collection that was cached (make it again with gridcache.dask.cache)"
