"""Breaker: whoever failed repeatedly is left alone for a while.

Spilling runs in a worker's event loop, where each failure may cost a time limit.
"""

import time
from collections.abc import Callable

__all__ = ["Breaker"]

_FAILURES = 3
_REST_S = 30.0


class Breaker:
    """The record of one place that values may go to.

    Parameters
    ----------
    clock
        Monotonic seconds.
    failures
        In a row, until it rests.
    rest_s
        How long it rests; the next failure after that has it rest again.
    """

    def __init__(
        self,
        clock: Callable[[], float] = time.monotonic,
        *,
        failures: int = _FAILURES,
        rest_s: float = _REST_S,
    ) -> None:
        self._clock = clock
        self._most = failures
        self._rest_s = rest_s
        self._failures = 0
        self._until = float("-inf")

    @property
    def rests(self) -> bool:
        """True while it should not be asked."""
        return self._clock() < self._until

    def failed(self, *, slowly: bool = False) -> None:
        """Note a failure; one that took its whole time limit counts as many."""
        self._failures += self._most if slowly else 1
        if self._failures >= self._most:
            self._until = self._clock() + self._rest_s

    def worked(self) -> None:
        """Note that it is well."""
        self._failures = 0
