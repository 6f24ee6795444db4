"""Prefetch: the handle of values that are being brought to this node.

What brings them is the cache's values (`gridcache.values`); a single store has all it
can have and brings nothing.
"""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

__all__ = ["Prefetch"]


class Prefetch:
    """Values on their way, and those that have come.

    What came is held in memory until the handle is closed or dropped, so that it is
    still there when it is wanted.

    Examples
    --------
    >>> from gridcache import GridCache
    >>> cache = GridCache("docs-prefetch")
    >>> cache.put("a", 1, immutable=True)
    >>> with cache.prefetch(["a", "b"]) as coming:
    ...     coming.wait(), coming.here, coming.absent
    (True, 1, 1)
    """

    def __init__(self, wanted: int) -> None:
        self.wanted = wanted
        """Keys asked for."""
        self.here = 0
        """Keys whose values are at this node, until now."""
        self.absent = 0
        """Keys that have no value, or one that only its home may give."""
        self._held: list[Any] = []
        self._canceled = threading.Event()
        self._done = threading.Event()
        self._lock = threading.Lock()

    @property
    def done(self) -> bool:
        """True when nothing more will come."""
        return self._done.is_set()

    @property
    def canceled(self) -> bool:
        """True if it was told to stop."""
        return self._canceled.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until all is here; False if the time was over before."""
        return self._done.wait(timeout_s)

    def cancel(self) -> None:
        """Bring nothing more; what is here stays held."""
        self._canceled.set()

    def close(self) -> None:
        """Bring nothing more, and hold nothing; idempotent."""
        self.cancel()
        with self._lock:
            held, self._held = self._held, []
        held.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "done" if self.done else "canceled" if self.canceled else "on its way"
        return f"<Prefetch {self.here} of {self.wanted} here, {state}>"

    # -- for what brings them ----------------------------------------------

    def note(self, *, here: int = 0, absent: int = 0, held: Any = None) -> None:
        """Count keys, and hold what keeps a value in memory."""
        self.here += here
        self.absent += absent
        if held is not None:
            with self._lock:
                if not self.canceled:
                    self._held.append(held)

    def end(self) -> None:
        """Nothing more will come."""
        self._done.set()

    def run(self, bring: Callable[["Prefetch"], None], name: str) -> None:
        """Bring values in a thread of its own; this ends when that ends."""

        def work() -> None:
            try:
                bring(self)
            finally:
                self.end()

        threading.Thread(target=work, name=name, daemon=True).start()
