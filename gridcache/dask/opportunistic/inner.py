"""Inner: the scheduler that Dask would have called."""

import sys
from collections.abc import Callable, Iterator
from typing import Any

import dask
from dask._expr import HLGExpr
from dask.base import get_scheduler

__all__ = ["Above", "Scheduler", "beneath", "beneath_for", "client_of", "plain"]

Scheduler = Callable[..., Any]

_BAG = "dask.bag."


class Above:
    """A scheduler of ours, which stands above another."""

    base: Any
    """That one, in any of Dask's forms; None for the one in use."""


def plain(base: Any) -> Any:
    """The first that is none of ours."""
    while isinstance(base, Above):
        base = base.base
    return base


def beneath(base: Any, graph: Any) -> Scheduler:
    """The scheduler for a graph, by Dask's own precedence.

    Parameters
    ----------
    base
        What Dask's configuration said before us; None for nothing.
    graph
        As Dask gave it to us.
    """
    if base is None:
        base = _client()
    if base is not None:
        found: Scheduler | None = get_scheduler(scheduler=base)
        if found is not None:
            return found
    return _default(graph)


def beneath_for(base: Any, collection: Any) -> Scheduler:
    """The same where the collection is known."""
    if base is None:
        base = _client()
    if base is None:
        return collection.__dask_scheduler__  # type: ignore[no-any-return]
    return get_scheduler(scheduler=base)  # type: ignore[no-any-return]


def client_of(scheduler: Scheduler) -> Any | None:
    """The distributed client behind a scheduler, if there is one."""
    owner = getattr(scheduler, "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def _client() -> Any | None:
    """The client in use; none can be where nobody has loaded distributed."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    try:
        return distributed.get_client()
    except ValueError:
        return None


def _default(graph: Any) -> Scheduler:
    """What the collection prefers: processes for bags, threads for all others.

    Dask does not tell whose graph it is; but it tells what finishes it.
    """
    makers = list(_makers(graph))
    if makers and all(maker.startswith(_BAG) for maker in makers):
        return get_scheduler(scheduler="processes")  # type: ignore[no-any-return]
    return dask.threaded.get


def _makers(graph: Any) -> Iterator[str]:
    """Modules of what finishes the collections of an expression."""
    if not hasattr(graph, "walk"):
        return
    for one in graph.walk():
        if isinstance(one, HLGExpr) and one.postcompute:
            several = isinstance(one.postcompute, list)
            for finish, *_ in one.postcompute if several else [one.postcompute]:
                yield f"{getattr(finish, '__module__', '')}."
