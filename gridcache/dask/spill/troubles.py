"""Troubles: every error of the store and the grid as one that Dask understands.

Dask takes an `OSError` for a full disk and keeps the value. Anything else would fail
a task that has nothing to do with it, and a `KeyError` would be taken for a race.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from gridcache.errors import (
    BlockNotFoundError,
    NodeLostError,
    OutOfSpaceError,
    ValueTooLargeError,
)

__all__ = ["GONE", "LostError", "NoRoomError", "SpillError", "no_room", "translated"]

GONE = (BlockNotFoundError, NodeLostError)
_NO_ROOM = (OutOfSpaceError, ValueTooLargeError)


class SpillError(OSError):
    """The memory did not take or give a value; it may at another time."""


class NoRoomError(SpillError):
    """It is full."""


class LostError(SpillError):
    """What was spilled is gone: its node died, or its store was emptied."""


def no_room(nbytes: int) -> NoRoomError:
    """What to raise for a value of that size."""
    return NoRoomError(f"no memory takes {nbytes} more bytes")


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the store and the grid as those of this module.

    All of them: anything else would fail a task that has nothing to do with it.
    """
    try:
        yield
    except GONE as error:
        raise LostError(str(error)) from error
    except _NO_ROOM as error:
        raise NoRoomError(str(error)) from error
    except Exception as error:
        raise SpillError(str(error)) from error
