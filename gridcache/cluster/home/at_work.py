"""At work: one request of a write at a time, however often it was sent.

Who got no answer asks again, while the first request may still be under way. Were
both carried out side by side, a copy could store the write once more after others.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["AtWork"]


class AtWork:
    """The writes that one process works at, by token."""

    def __init__(self) -> None:
        self._tokens: set[int] = set()
        self._changed = threading.Condition()

    @contextmanager
    def on(self, token: int) -> Iterator[None]:
        """Wait for whoever works at it, then be the one."""
        with self._changed:
            self._changed.wait_for(lambda: token not in self._tokens)
            self._tokens.add(token)
        try:
            yield
        finally:
            with self._changed:
                self._tokens.discard(token)
                self._changed.notify_all()
