"""The scheduler's plugin: which worker is on which node, and what follows for tasks.

A worker is asked once for each cache, since a cache may have a store of its own. Who
has not answered yet is on no node: nothing waits for it.
"""

import asyncio
from collections.abc import Collection, Coroutine
from contextlib import suppress
from typing import Any

from distributed import SchedulerPlugin

from gridcache.dask.asking import ask_workers
from gridcache.dask.locality.reads import Read, favourite
from gridcache.published.handle import Handle

__all__ = ["LocalityPlugin", "learn_nodes"]

_ASK_S = 30.0
"""A worker answers between two tasks that hold the interpreter, and opens a store."""
_WAIT_S = 3.0
"""A client waits for them no longer than this."""
_NAME = "gridcache-locality"


class LocalityPlugin(SchedulerPlugin):
    """Prefers for each read the workers on the partition's node."""

    name = _NAME
    idempotent = True

    def __init__(self) -> None:
        self._scheduler: Any = None
        self._nodes: dict[Handle, dict[str, str]] = {}
        """By cache: the node of each worker's address."""
        self._asking: set[asyncio.Task[None]] = set()
        self.preferred = 0
        """Tasks that were given a preference."""

    async def start(self, scheduler: Any) -> None:
        """Take the scheduler."""
        self._scheduler = scheduler

    async def close(self) -> None:
        """Ask no more."""
        for task in self._asking:
            task.cancel()

    async def learn(self, handle: Handle) -> dict[str, str]:
        """Ask all workers on which node they are, for a cache.

        Returns what is known after a while; who answers later is known then.
        """
        asked = self._later(self._ask(handle, list(self._scheduler.workers)))
        with suppress(TimeoutError):
            async with asyncio.timeout(_WAIT_S):
                await asyncio.shield(asked)
        return dict(self._nodes.get(handle, {}))

    def add_worker(self, scheduler: Any, worker: str) -> None:
        """Ask a new worker, which does not answer before this returns."""
        for handle in list(self._nodes):
            self._later(self._ask(handle, [worker]))

    def remove_worker(self, scheduler: Any, worker: str, **_: Any) -> None:
        """Forget a worker: another one may get its address."""
        for nodes in self._nodes.values():
            nodes.pop(worker, None)

    def update_graph(
        self, scheduler: Any, *, tasks: Collection[Any] = (), **_: Any
    ) -> None:
        """Give the new tasks that read their preference."""
        if not any(len(set(nodes.values())) > 1 for nodes in self._nodes.values()):
            return
        for key in tasks:
            task = scheduler.tasks.get(key)
            if task is None or task.run_spec is None or _is_restricted(task):
                continue
            read = favourite(task.run_spec)
            if read is not None and (workers := self._workers(read)):
                task.worker_restrictions = workers
                task.loose_restrictions = True
                self.preferred += 1

    def _workers(self, read: Read) -> set[str]:
        """Workers on the node of a partition; none if they all are."""
        nodes = self._nodes.get(read.handle, {})
        near = {worker for worker, node in nodes.items() if node == read.node}
        return near if len(near) < len(self._scheduler.workers) else set()

    async def _ask(self, handle: Handle, workers: Collection[str]) -> None:
        nodes = self._nodes.setdefault(handle, {})

        async def ask(worker: str) -> None:
            answer = await ask_workers(
                self._scheduler, _node, handle, workers=[worker], timeout_s=_ASK_S
            )
            if worker in self._scheduler.workers:
                nodes.update(answer)

        await asyncio.gather(*map(ask, workers))

    def _later(self, asking: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.ensure_future(asking)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        return task


async def learn_nodes(handle: Handle, dask_scheduler: Any) -> dict[str, str]:
    """In the scheduler: install the plugin if it is not there, and ask the workers."""
    plugin = dask_scheduler.plugins.get(_NAME)
    if plugin is None:
        plugin = LocalityPlugin()
        await dask_scheduler.register_scheduler_plugin(plugin, idempotent=True)
        plugin = dask_scheduler.plugins[_NAME]
    found: dict[str, str] = await plugin.learn(handle)
    return found


async def _node(handle: Handle) -> str:
    """On a worker: its node. A store is opened for it, which is not for the loop."""
    return await asyncio.to_thread(getattr, handle, "node")


def _is_restricted(task: Any) -> bool:
    """True if the user has said where a task is to run, or it has run."""
    with suppress(AttributeError):
        return bool(
            task.worker_restrictions
            or task.host_restrictions
            or task.state in ("memory", "erred", "processing")
        )
    return True
