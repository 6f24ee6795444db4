"""Pausing between two steps: in a thread, or in an asyncio task.

A waiter registers once with each leader of its own process that it meets.
"""

import asyncio
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from gridcache.flight.attempt import Pause

if TYPE_CHECKING:
    from gridcache.store.lead import Lead

__all__ = ["TaskPauser", "ThreadPauser"]


class ThreadPauser:
    """Blocks the thread; Ctrl-C interrupts."""

    def __init__(self) -> None:
        self._leader: Lead | None = None
        self._woken = threading.Event()

    def pause(self, pause: Pause) -> None:
        """Until the time is up or the leader has finished."""
        if pause.leader is None:
            time.sleep(pause.seconds)
            return
        if pause.leader is not self._leader:
            self._leader, self._woken = pause.leader, threading.Event()
            pause.leader.on_finish(self._woken.set)
        self._woken.wait(pause.seconds)


class TaskPauser:
    """Suspends the task and holds no executor thread."""

    def __init__(self) -> None:
        self._leader: Lead | None = None
        self._woken = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def pause(self, pause: Pause) -> None:
        """Until the time is up or the leader has finished."""
        if pause.leader is None:
            await asyncio.sleep(pause.seconds)
            return
        if pause.leader is not self._leader:
            self._leader, self._woken = pause.leader, asyncio.Event()
            pause.leader.on_finish(self._waker(self._woken))
        with suppress(TimeoutError):
            async with asyncio.timeout(pause.seconds):
                await self._woken.wait()

    def _waker(self, woken: asyncio.Event) -> Callable[[], None]:
        def wake() -> None:
            with suppress(RuntimeError):  # the waiter's loop has closed
                self._loop.call_soon_threadsafe(woken.set)

        return wake
