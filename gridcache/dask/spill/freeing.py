"""Freeing: blocks on other nodes are given back aside, many with one request.

A worker's event loop does not wait for that, however many values go at once. What a
node does not hear now it is told again.
"""

import threading
from collections import defaultdict
from collections.abc import Callable

from gridcache.errors import GridCacheError, NodeLostError

__all__ = ["Freeing"]

_PAUSE_S = 2.0


class Freeing:
    """A queue of blocks to be freed, and the thread that does it.

    Parameters
    ----------
    free
        Frees blocks of a node; raises if it does not hear.
    pause_s
        Until it is told again.
    """

    def __init__(
        self, free: Callable[[str, list[int]], object], *, pause_s: float = _PAUSE_S
    ) -> None:
        self._free = free
        self._pause_s = pause_s
        self._changed = threading.Condition()
        self._waiting: dict[str, list[int]] = defaultdict(list)
        self._is_busy = self._is_over = False
        self._thread: threading.Thread | None = None

    def add(self, node: str, number: int) -> None:
        """Have a block freed."""
        with self._changed:
            self._waiting[node].append(number)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._run, name="gridcache-spill-free", daemon=True
                )
                self._thread.start()
            self._changed.notify_all()

    def settle(self, timeout_s: float) -> bool:
        """Wait until all are freed; False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(
                lambda: not (self._waiting or self._is_busy), timeout_s
            )

    def close(self) -> None:
        """Free no more."""
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            missed = {
                node: numbers
                for node, numbers in batch.items()
                if not self._try(node, numbers)
            }
            self._finish(missed)

    def _next(self) -> dict[str, list[int]] | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._is_over)
            if self._is_over:
                return None
            batch, self._waiting = self._waiting, defaultdict(list)
            self._is_busy = True
            return batch

    def _try(self, node: str, numbers: list[int]) -> bool:
        try:
            self._free(node, numbers)
        except NodeLostError:
            pass  # and the blocks with it
        except (GridCacheError, OSError):
            return False
        return True

    def _finish(self, missed: dict[str, list[int]]) -> None:
        with self._changed:
            for node, numbers in missed.items():
                self._waiting[node] += numbers
            self._is_busy = False
            self._changed.notify_all()
            if missed:
                self._changed.wait_for(lambda: self._is_over, self._pause_s)
