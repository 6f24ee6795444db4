"""The worker plugin: two of a worker's methods are wrapped, and put back.

Which may be missing is checked first (`hooks`): then it stays off and says so once.
"""

import logging
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from distributed import WorkerPlugin
from distributed.core import Status
from distributed.worker_state_machine import RescheduleEvent

from gridcache.dask.recovery.figures import PLUGIN, Figures
from gridcache.dask.recovery.hooks import missing_hook, unfit_worker
from gridcache.dask.recovery.losses import Losses
from gridcache.dask.recovery.reader import ColdReader

__all__ = ["RecoveryPlugin"]

_log = logging.getLogger("distributed.worker.gridcache")


class RecoveryPlugin(WorkerPlugin):
    """Compute lost spilled blocks again instead of failing their dependents.

    ``client.register_plugin(RecoveryPlugin())`` also on a running cluster. Spilled
    inputs are read beside the event loop, before their task runs.

    Parameters
    ----------
    threads
        Blocks that a worker reads at once.
    limit
        How often in a row one block may be lost before what needs it is cancelled.
    """

    name = PLUGIN
    idempotent = True

    def __init__(self, *, threads: int = 2, limit: int = 5) -> None:
        self.threads = threads
        self.limit = limit
        # Workers of one process may be given one and the same plugin.
        self._patches: dict[int, _Patch] = {}
        self._figures: dict[int, Figures] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        how = {"threads": self.threads, "limit": self.limit}
        return _make, (type(self), how)

    @staticmethod
    def supported() -> str | None:
        """Why the installed distributed is not supported; None if it is."""
        return missing_hook()

    def figures(self, worker: Any) -> Figures:
        """What was done on a worker."""
        return self._figures.get(id(worker), Figures(off="not set up"))

    def setup(self, worker: Any) -> None:
        """Wrap what the worker runs tasks and answers other workers with."""
        reason = self.supported() or unfit_worker(worker)
        figures = self._figures[id(worker)] = Figures(off=reason or "")
        if reason is not None:
            _log.warning("gridcache recovery stays off: %s", reason)
            return
        losses = Losses(worker, self.limit, figures)
        reader = ColdReader(worker.data, self.threads, figures, losses.forgive)
        self._patches[id(worker)] = _Patch(worker, reader, losses, figures)

    def teardown(self, worker: Any) -> None:
        """Put back what was replaced."""
        self._figures.pop(id(worker), None)
        patch = self._patches.pop(id(worker), None)
        if patch is not None:
            patch.undo()


def _make(kind: type[RecoveryPlugin], how: dict[str, int]) -> RecoveryPlugin:
    return kind(**how)


class _Patch:
    """A worker's own `execute` and `get_data`, with ours in front."""

    def __init__(
        self, worker: Any, reader: ColdReader, losses: Losses, figures: Figures
    ) -> None:
        self._worker = worker
        self._reader = reader
        self._losses = losses
        self._figures = figures
        self._active = True
        self._execute: Callable[..., Awaitable[Any]] = worker.execute
        self._get_data: Callable[..., Awaitable[Any]] = worker.handlers["get_data"]
        # Bound methods are made anew each time they are looked up; these are kept to
        # tell at the end whether somebody else has wrapped them since.
        self._ours = (self.execute, self._handler())
        worker.execute, worker.handlers["get_data"] = self._ours

    def undo(self) -> None:
        """Put the worker's own back, or step aside if others wrapped ours."""
        self._active = False
        execute, get_data = self._ours
        worker = self._worker
        if worker.__dict__.get("execute") is execute:
            del worker.execute
            if worker.execute != self._execute:
                worker.execute = self._execute
        if worker.handlers.get("get_data") is get_data:
            worker.handlers["get_data"] = self._get_data
        self._reader.close()

    async def execute(self, key: Any, *, stimulus_id: str) -> Any:
        """Run a task with its inputs at hand, or send it back."""
        task = self._worker.state.tasks.get(key)
        if not self._active or task is None or not task.dependencies:
            return await self._execute(key, stimulus_id=stimulus_id)
        inputs = [dependency.key for dependency in task.dependencies]
        started = time.time()
        held, lost = await self._reader.warm(inputs)
        if held:
            span = {"action": "disk-read", "start": started, "stop": time.time()}
            task.startstops.append(span)
        if await self._losses.settle(inputs, lost):
            self._figures.rescheduled += 1
            stimulus = f"gridcache-lost-{time.time()}"
            return RescheduleEvent(key=key, stimulus_id=stimulus)
        return await self._execute(key, stimulus_id=stimulus_id)

    def _handler(self) -> Callable[..., Awaitable[Any]]:
        # distributed passes the connection only to what calls its first argument comm.
        async def get_data(
            comm: Any,
            keys: Collection[Any],
            who: str | None = None,
            serializers: list[str] | None = None,
        ) -> Any:
            # Alive until the worker has taken them into its answer.
            held = await self._warm_for(keys) if self._active else {}
            try:
                return await self._get_data(
                    comm, keys=keys, who=who, serializers=serializers
                )
            finally:
                held.clear()

        return get_data

    async def _warm_for(self, keys: Collection[Any]) -> dict[Any, Any]:
        """Read what another worker asks for, unless it is to be put off anyway."""
        worker = self._worker
        limit = worker.transfer_outgoing_count_limit
        if limit is not False and worker.transfer_outgoing_count >= 2 * limit:
            return {}
        if worker.status == Status.paused and worker.transfer_outgoing_count:
            return {}
        # Counted as a transfer meanwhile: the worker puts off the next ones sooner,
        # and holds no more values for others than it is allowed to.
        worker.transfer_outgoing_count += 1
        try:
            held, lost = await self._reader.warm(keys)
        finally:
            worker.transfer_outgoing_count -= 1
        await self._losses.settle(keys, lost)
        return held
