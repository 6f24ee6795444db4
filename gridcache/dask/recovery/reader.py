"""Reader: spilled blocks are read in threads, never twice at once.

The threads only read (`buffer.slow[key]`); whatever changes the buffer happens in
the event loop, as distributed does it, so that its accounting sees one thread.
"""

import asyncio
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from distributed.metrics import context_meter

from gridcache.dask.recovery.books import take_in
from gridcache.dask.recovery.figures import Figures

__all__ = ["ColdReader"]

Key = Any
"""What Dask calls a task by: a text, or a tuple that begins with one."""

_PAUSES_S = (0.1, 0.5)
"""After which a store is asked again that could not answer."""


class _Read(NamedTuple):
    """What came of reading one block in a thread."""

    value: Any = None
    lost: bool = False
    failed: bool = False
    """For another reason, which distributed will meet itself and report."""
    metrics: tuple[tuple[Any, float, str], ...] = ()
    seconds: float = 0.0


class ColdReader:
    """Reads what a worker has spilled.

    Parameters
    ----------
    buffer
        The worker's `SpillBuffer`, or what looks like one.
    threads
        How many blocks are read at once.
    noted
        Called with the key of each block that was read.
    """

    def __init__(
        self,
        buffer: Any,
        threads: int,
        figures: Figures,
        noted: Callable[[Key], object],
    ) -> None:
        self._buffer = buffer
        self._noted = noted
        self._figures = figures
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="grid-unspill")
        self._reading: dict[Key, asyncio.Future[_Read]] = {}

    async def warm(self, keys: Collection[Key]) -> tuple[dict[Key, Any], list[Key]]:
        """Read spilled blocks.

        Returns
        -------
        Values that the caller holds until distributed has read them, which is then
        free; and the keys that are lost, after which the others are not waited for.
        """
        held: dict[Key, Any] = {}
        lost: list[Key] = []
        if all(key in self._buffer.fast for key in keys):
            return held, lost
        failed = False
        while (cold := self._grasp(keys, held)) and not lost and not failed:
            reads = await asyncio.gather(*map(self._read_once, cold))
            for key, read in zip(cold, reads, strict=True):
                if read.lost and not self._at_hand(key):
                    lost.append(key)
                elif not read.lost and not read.failed:
                    held[key] = read.value
                failed |= read.failed
        for key, value in held.items():
            self._offer(key, value)
        return held, lost

    def close(self) -> None:
        """Let go of the threads once they have read what was asked for."""
        self._pool.shutdown(wait=False)

    def _at_hand(self, key: Key) -> bool:
        """True if reading costs nothing: in memory, or spilled but still in use."""
        buffer = self._buffer
        return key in buffer.fast or key in getattr(buffer.slow, "cache", ())

    def _grasp(self, keys: Collection[Key], held: dict[Key, Any]) -> list[Key]:
        """Take hold of values that are at hand; returns the keys of those to be read.

        What is in memory may be spilled, and lost, while others are read; what is
        spilled but in use is forgotten with its last user, at any moment.
        """
        buffer, cold = self._buffer, []
        for key in keys:
            if key in held or key not in buffer:
                continue
            if key in buffer.fast:
                held[key] = buffer.fast[key]
            elif (value := getattr(buffer.slow, "cache", {}).get(key)) is not None:
                held[key] = value
            else:
                cold.append(key)
        return cold

    def _offer(self, key: Key, value: Any) -> None:
        """Make sure that the next read, in the event loop, costs nothing.

        zict remembers what was read as long as it lives. What cannot be referred to
        weakly (a list, a tuple) goes back into memory instead; what that evicts, the
        next insertion evicts.
        """
        if key in self._buffer.fast or key not in self._buffer:
            return
        if self._at_hand(key):
            take_in(self._buffer, key)
        else:
            self._buffer.set_noevict(key, value)

    async def _read_once(self, key: Key) -> _Read:
        reading = self._reading.get(key)
        if reading is None:
            reading = asyncio.ensure_future(self._read(key))
            self._reading[key] = reading
            reading.add_done_callback(lambda _: self._reading.pop(key, None))
        # Who waits may be cancelled; the others still want it.
        return await asyncio.shield(reading)

    async def _read(self, key: Key) -> _Read:
        loop = asyncio.get_running_loop()
        try:
            read = await loop.run_in_executor(self._pool, _read, self._buffer, key)
        except RuntimeError:  # closed while a task was waiting
            return _Read(failed=True)
        self._figures.reads += 1
        self._figures.read_s += read.seconds
        totals = getattr(self._buffer, "cumulative_metrics", None)
        for label, value, unit in read.metrics:
            context_meter.digest_metric(label, value, unit)
            if totals is not None:
                totals[label, unit] += value
        if not read.lost and not read.failed:
            self._noted(key)
            # Here, before any other task can look for it and find it cold.
            self._offer(key, read.value)
        return read


def _read(buffer: Any, key: Key) -> _Read:
    """Read one block; runs in a thread, never raises."""
    metrics: list[tuple[Any, float, str]] = []
    started = time.perf_counter()
    lost = failed = False
    value = None
    with context_meter.add_callback(lambda *metric: metrics.append(metric)):
        try:
            value = _patiently(buffer, key)
        except (KeyError, OSError):
            lost = True
        except Exception:  # noqa: BLE001 - the user's own deserialisation
            failed = True
    return _Read(value, lost, failed, tuple(metrics), time.perf_counter() - started)


def _patiently(buffer: Any, key: Key) -> Any:
    """Read, again if the store only stumbled: what it has need not be computed."""
    for pause_s in _PAUSES_S:
        try:
            return buffer.slow[key]
        except FileNotFoundError:
            raise
        except OSError:
            time.sleep(pause_s)
    return buffer.slow[key]
