"""Hopeless: lost blocks that are not computed again, and what waits for them.

Scattered data was made by no task; and a store that loses one block every time would
have it computed for ever. A worker cannot say either in its ordinary words: released
scattered data makes the scheduler (2026.8) assign a task that does not exist and
drop the worker, and a worker that cannot answer another leaves that one waiting. So
it is done in the scheduler, as if the worker had died with the last copy: what waits
for it is cancelled, and the clients are told why.
"""

from collections.abc import Callable, Collection
from typing import Any

from distributed.protocol.pickle import dumps

__all__ = ["forget_blocks", "may_be_scattered"]

_SCATTERED = "spilled data that no task can make again was lost; scatter it once more"
_EVERY_TIME = "a block was lost each time it was spilled; see the log of {address}"


def may_be_scattered(worker: Any, key: Any) -> bool:
    """False if this worker computed the block: then there is a task that makes it."""
    task = worker.state.tasks.get(key)
    return task is not None and task.run_spec is None


async def forget_blocks(
    worker: Any, keys: Collection[Any], *, scattered: bool
) -> list[Any]:
    """Take a worker's copies of lost blocks off the scheduler's books.

    Parameters
    ----------
    scattered
        Leave alone what a task can make again.

    Returns
    -------
    The keys of which no copy is left.

    Raises
    ------
    Exception
        The scheduler runs no functions (`distributed.scheduler.pickle`).
    """
    reason = _SCATTERED if scattered else _EVERY_TIME.format(address=worker.address)
    reply = await worker.scheduler.run_function(
        function=dumps(_in_scheduler()),
        args=dumps((list(keys), worker.address, scattered, reason)),
    )
    if reply["status"] != "OK":
        raise RuntimeError(str(reply))
    return list(reply["result"])


def _in_scheduler() -> Callable[..., list[Any]]:  # noqa: C901 - two that travel as one
    """A function that travels by value: the scheduler may not have gridcache."""

    def waiting(task: Any) -> dict[Any, list[str]]:
        """Clients by key of a task and of all that cannot be computed without it."""
        found: dict[Any, list[str]] = {}
        left = [task]
        while left:
            task = left.pop()
            if task.key not in found:
                found[task.key] = [client.client_key for client in task.who_wants or ()]
                left += [
                    t for t in task.dependents if t.state not in ("memory", "erred")
                ]
        return found

    def forget(
        keys: list[Any], address: str, scattered: bool, reason: str, dask_scheduler: Any
    ) -> list[Any]:
        scheduler = dask_scheduler
        worker = scheduler.workers.get(address)
        gone = []
        for key in keys:
            task = scheduler.tasks.get(key)
            if task is None or worker not in (task.who_has or ()):
                continue
            if scattered and task.run_spec:
                continue
            scheduler.remove_replica(task, worker)
            if task.who_has:
                continue
            gone.append(key)
            told = waiting(task)
            scheduler.transitions({key: "forgotten"}, f"gridcache-lost-{address}")
            # After what the transitions say ("already forgotten"): the last one stays.
            for each, clients in told.items():
                message = {"op": "cancelled-keys", "keys": [each], "reason": reason}
                for client in clients:
                    scheduler.report(message, client=client)
        return gone

    return forget
