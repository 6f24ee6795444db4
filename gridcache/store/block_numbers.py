"""Block numbers: which are counted, and which are drawn by lot.

A pool's numbers come from a counter, the grid's or the store's. Who cannot reach
the grid's counter, such as a process without Ray, draws one of 2^62 numbers that no
counter comes to. Of a million such blocks in a grid two have the same number with a
chance of one in ten million, and that does harm only on one node, which refuses the
second: then draw again.

A drawn number is never given back nor told from one that never was.
"""

import secrets

__all__ = ["draw_number", "is_counted"]

_BITS = 62
_FIRST_DRAWN = 1 << _BITS


def draw_number() -> int:
    """A number for one block, without asking anybody."""
    return _FIRST_DRAWN + secrets.randbits(_BITS)


def is_counted(number: int) -> bool:
    """True for a number of a counter."""
    return number < _FIRST_DRAWN
