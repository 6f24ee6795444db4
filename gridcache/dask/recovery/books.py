"""Books: what a buffer believes to have spilled, set right after a loss.

distributed's `SpillBuffer` takes for granted that its slow store keeps what it is
given. Where that is not so, removing a key fails half way (a spill file that is gone)
and leaves its weight behind, on which the next spill of that key fails.
"""

from contextlib import suppress
from typing import Any

from distributed.spill import Slow

__all__ = ["discard", "take_in"]


def discard(buffer: Any, key: Any) -> None:
    """Take a key out of a buffer, whether it can be read or not."""
    with suppress(KeyError, OSError):
        del buffer[key]
    _forget_slow(buffer, key)


def take_in(buffer: Any, key: Any) -> None:
    """Move a key whose value is at hand into memory, as the next read would.

    That read then fails neither because the spilled copy is gone nor because what has
    to make room cannot be spilled.
    """
    with suppress(Exception):
        buffer[key]
    if key in buffer.fast:
        _forget_slow(buffer, key)


def _forget_slow(buffer: Any, key: Any) -> None:
    """Drop what a failed removal left of a key that is not in the slow store."""
    slow = buffer.slow
    store = getattr(slow, "data", None)
    if store is None or key in store:
        return
    getattr(slow, "_last_updated", {}).pop(key, None)
    getattr(slow, "cache", {}).pop(key, None)
    for one in (store, getattr(store, "disk", None)):
        if isinstance(one, Slow) and key in one.weight_by_key:
            one.total_weight -= one.weight_by_key.pop(key)
