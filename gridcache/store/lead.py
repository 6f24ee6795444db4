"""Lead: one call's part in a flight, in the process that makes the call.

Made before the call knows whether it will lead or wait. No transaction here.
"""

import os
from collections import deque
from collections.abc import Callable
from contextlib import suppress

__all__ = ["Lead"]


class Lead:
    """A call that wants a key.

    Parameters
    ----------
    key, long_key
        The entry key, as `entry_key` gives it.
    outer
        The lead in whose computation the call is made; of the same store.
    """

    __slots__ = (
        "__weakref__",
        "_on_finish",
        "_pid",
        "edge",
        "fence",
        "finished",
        "key",
        "long_key",
        "outer",
        "unusable",
    )

    def __init__(self, key: bytes, long_key: bytes, outer: "Lead | None") -> None:
        self.key = key
        self.long_key = long_key
        self.outer = outer
        self.fence = 0
        """0 until it leads."""
        self.edge = 0
        """Number of its wait edge; 0 if it has none."""
        self.unusable = 0
        """Generation of an entry that the caller cannot use: counts as absent."""
        self.finished = False
        self._pid = os.getpid()
        self._on_finish: deque[Callable[[], object]] = deque()

    @property
    def is_ours(self) -> bool:
        """False in a forked child, which inherits the call but not the lead."""
        return self._pid == os.getpid()

    def forget_edge(self) -> None:
        """The edge is removed."""
        self.edge = 0

    def on_finish(self, wake: Callable[[], object]) -> None:
        """Have `wake` called when the flight ends; at once if it has ended.

        It may be called twice, from any thread, and must not block.
        """
        self._on_finish.append(wake)
        # Without a lock: either the leader sees what was appended, or this sees
        # that it has finished.
        if self.finished:
            wake()

    def finish(self) -> None:
        """Wake everybody; idempotent."""
        self.finished = True
        while self._on_finish:
            with suppress(IndexError):
                self._on_finish.popleft()()
