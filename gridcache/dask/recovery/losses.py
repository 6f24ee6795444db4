"""Losses: a block that cannot be read becomes one that has to be computed.

The worker tells the scheduler that it no longer has the block, in the words it uses
when it released one; the scheduler makes it again if anybody wants it, or fetches
another worker's replica. What cannot be made again is a matter of its own
(`hopeless`).
"""

import asyncio
import logging
import time
from collections.abc import Collection
from typing import Any

from cachetools import LRUCache
from distributed.worker_state_machine import FreeKeysEvent

from gridcache.dask.recovery.books import discard
from gridcache.dask.recovery.figures import Figures
from gridcache.dask.recovery.hopeless import forget_blocks, may_be_scattered

__all__ = ["Losses"]

Key = Any
"""What Dask calls a task by: a text, or a tuple that begins with one."""

# Below the worker's own logger: client.get_worker_logs() shows what is said here.
_log = logging.getLogger("distributed.worker.gridcache")

_REMEMBERED = 10_000
"""Keys whose losses are counted."""

_NAMED = 3
"""Keys that a line of the log names."""


class Losses:
    """What one worker lost.

    Parameters
    ----------
    limit
        How often in a row one key may be lost before it is not computed again.
    """

    def __init__(self, worker: Any, limit: int, figures: Figures) -> None:
        self._worker = worker
        self._limit = limit
        self._figures = figures
        self._one_at_a_time = asyncio.Lock()
        self._counts: LRUCache[Key, int] = LRUCache(_REMEMBERED)

    def forgive(self, key: Key) -> None:
        """Forget earlier losses of a block: it could be read."""
        self._counts.pop(key, None)

    async def settle(self, keys: Collection[Key], lost: Collection[Key]) -> bool:
        """Give up what is lost of some keys; True if some have to be waited for.

        Also what the store no longer knows of. Another task may have found the loss
        first: then the scheduler is at work on it already.
        """
        if not lost and not any(map(self._absent, keys)):
            return False
        async with self._one_at_a_time:
            gone = [key for key in keys if self._gone(key, lost)]
            await self._give_up([key for key in gone if self._held(key)])
        return any(self._absent(key) and not self._held(key) for key in keys)

    async def _give_up(self, keys: Collection[Key]) -> None:
        """Tell the scheduler that blocks are gone."""
        worker = self._worker
        ends = [key for key in keys if self._too_often(key)]
        scattered = [key for key in keys if may_be_scattered(worker, key)]
        told = await self._forget(ends, scattered=False)
        told &= await self._forget(scattered, scattered=True)
        if not told:
            # Then it stays, and distributed meets the error itself.
            keys = [key for key in keys if key not in ends and key not in scattered]
        for key in keys:
            discard(worker.data, key)
        self._figures.lost += len(keys)
        if keys:
            _log.warning("%d spilled blocks lost, given up: %s", *_said(keys))
            stimulus = f"gridcache-lost-{time.time()}"
            worker.handle_stimulus(FreeKeysEvent(keys=keys, stimulus_id=stimulus))

    async def _forget(self, keys: Collection[Key], *, scattered: bool) -> bool:
        """False if the scheduler could not be told."""
        if not keys:
            return True
        try:
            gone = await forget_blocks(self._worker, keys, scattered=scattered)
        except Exception:  # noqa: BLE001 - whatever the scheduler raised
            _log.exception("the scheduler was not told of %d losses: %s", *_said(keys))
            return False
        self._figures.hopeless += len(gone)
        if gone:
            kind = "no task makes again" if scattered else "were lost every time"
            _log.error("%d lost blocks that %s: %s", len(gone), kind, _said(gone)[1])
        return True

    def _absent(self, key: Key) -> bool:
        return key not in self._worker.data and key not in self._worker.state.actors

    def _gone(self, key: Key, lost: Collection[Key]) -> bool:
        # It may have been made again while another task held the lock.
        return self._absent(key) or (key in lost and key not in self._worker.data.fast)

    def _held(self, key: Key) -> bool:
        """True if the scheduler believes that this worker has it."""
        task = self._worker.state.tasks.get(key)
        return task is not None and task.state == "memory"

    def _too_often(self, key: Key) -> bool:
        count = self._counts[key] = self._counts.get(key, 0) + 1
        return count > self._limit


def _said(keys: Collection[Key]) -> tuple[int, str]:
    names = ", ".join(map(str, list(keys)[:_NAMED]))
    return len(keys), names + (", ..." if len(keys) > _NAMED else "")
