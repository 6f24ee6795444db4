"""Pause: no look for garbage while a graph is made.

Some hundred thousand objects that all stay: Python would go through all it has, again
and again, for nothing. Of a graph of 10^4 tasks that took more than all the rest.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["no_garbage"]


@contextmanager
def no_garbage() -> Iterator[None]:
    """Hold the collector off; threads that do so at a time end it with the first."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
