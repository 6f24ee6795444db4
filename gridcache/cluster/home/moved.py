"""Moved: a node does not serve a key now, as an error here and as an answer elsewhere.

The caller looks at a newer view and asks again.
"""

from typing import Any

from gridcache.cluster.streams.wire import Answer

__all__ = ["MOVED", "SENT", "MovedError", "is_moved", "moved_answer"]

MOVED = {"moved": True}
"""In an answer: nothing was done."""
SENT = "sent"
"""In place of an outcome: moved, and a copy may have stored the write."""


class MovedError(Exception):
    """Private to the grid: not served here now; look at a newer view, try again."""

    def __init__(self, *, sent: bool = False) -> None:
        super().__init__()
        self.sent = sent
        """True if a copy may have stored the write: it may be the home one day."""


def moved_answer(error: MovedError) -> Answer:
    """Tell another node."""
    return Answer({**MOVED, "sent": error.sent})


def is_moved(answer: Answer) -> bool:
    """True if another node said so."""
    moved: Any = answer.meta.get("moved")
    return bool(moved)
