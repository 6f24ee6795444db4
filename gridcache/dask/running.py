"""Running: tasks on whichever scheduler Dask uses, one result for each wanted key.

Wanted are keys whose results are small. On a distributed cluster they come back as
they get done; a task's inputs are let go of as soon as it is.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dask
from dask.base import get_scheduler
from dask.callbacks import Callback

from gridcache.dask.graph import Graph, Key, check_collection
from gridcache.dask.progress import Advance
from gridcache.errors import ConfigError

__all__ = ["arun", "awaited_client", "client_of", "run", "scheduler_for"]

Scheduler = Callable[..., Any]


def scheduler_for(collection: Any, scheduler: Any = None) -> Scheduler:
    """What Dask would run a collection with.

    Raises
    ------
    ConfigError
        It is no Dask collection, or the client in use must be awaited.
    """
    check_collection(collection)
    client = awaited_client(scheduler)
    if client is not None and not dask.config.get("admin.async-client-fallback", None):
        message = (
            "the Dask client of this code is asynchronous; "
            "write `await gridcache.dask.apersist(...)`"
        )
        raise ConfigError(message)
    found: Scheduler | None = get_scheduler(
        scheduler=scheduler, collections=[collection]
    )
    if found is not None:
        return found
    return dask.threaded.get


def awaited_client(scheduler: Any = None) -> Any | None:
    """The asynchronous client that Dask would use, if it is one."""
    wanted = scheduler or dask.config.get("scheduler", None)
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    if wanted in (None, "distributed", "dask.distributed"):
        try:
            wanted = distributed.Client.current()
        except ValueError:
            return None
    owner = client_of(wanted) or wanted
    is_one = isinstance(owner, distributed.Client) and owner.asynchronous
    return owner if is_one else None


def client_of(scheduler: Scheduler) -> Any | None:
    """The distributed client behind a scheduler, if there is one."""
    owner = getattr(scheduler, "__self__", None)
    return owner if hasattr(owner, "scheduler_info") else None


def run(
    scheduler: Scheduler, graph: Graph, wanted: Sequence[Key], advance: Advance
) -> list[Any]:
    """Run a graph; the results in any order."""
    client = client_of(scheduler)
    if client is None:
        with _Counting(set(wanted), advance):
            return list(scheduler(graph, list(wanted)))
    return _gathered(client, graph, wanted, advance)


def _gathered(
    client: Any, graph: Graph, wanted: Sequence[Key], advance: Advance
) -> list[Any]:
    from distributed import as_completed  # noqa: PLC0415 - others need none of it

    futures = client.get(graph, list(wanted), sync=False)
    results = []
    with _released(futures):
        for _, result in as_completed(futures, with_results=True):
            results.append(result)
            advance()
    return results


async def arun(
    client: Any, graph: Graph, wanted: Sequence[Key], advance: Advance
) -> list[Any]:
    """Run a graph with an asynchronous client."""
    from distributed import as_completed  # noqa: PLC0415 - others need none of it

    futures = client.get(graph, list(wanted), sync=False, asynchronous=True)
    results = []
    with _released(futures):
        async for _, result in as_completed(futures, with_results=True):
            results.append(result)
            advance()
    return results


@contextmanager
def _released(futures: Sequence[Any]) -> Iterator[None]:
    """Let go of futures at the end, also those that a traceback refers to.

    Not cancelled: another thread may wait for the same keys.
    """
    try:
        yield
    finally:
        for future in futures:
            future.release()


class _Counting(Callback):
    """Tells of wanted keys that a local scheduler is done with."""

    def __init__(self, wanted: set[Key], advance: Advance) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._wanted = wanted
        self._advance = advance

    def _posttask(self, key: Key, *_: Any) -> None:
        if key in self._wanted:
            self._advance()
