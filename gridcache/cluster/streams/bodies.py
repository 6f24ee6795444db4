"""Where the buffers of a large message go, piece by piece.

A target takes one buffer. It is memory, filled directly, or a function that is
given successive chunks: such a buffer passes through a piece of memory of 1 MiB,
so that bytes can go into a file without becoming resident in the process.
"""

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from gridcache.cluster.streams.wire import Meta

__all__ = [
    "Budget",
    "Sink",
    "Target",
    "bounce",
    "check_targets",
    "discard",
    "file_target",
]

Target = memoryview | Callable[[memoryview], object]
"""Takes one buffer. A chunk is valid only until the function returns."""
Sink = Callable[[Meta, tuple[int, ...]], Sequence[Target]]
"""Called with meta and the buffers' lengths before a byte of the body is read.

Returns a target per buffer. It may raise: the body is then not taken.
"""

BOUNCE_NBYTES = 1 << 20
_IDLE_BOUNCES = 4
"""A new one costs page faults that a message of 1 MiB feels."""

_idle: list[memoryview] = []


@contextmanager
def bounce() -> Iterator[memoryview]:
    """Memory for chunks, lent for the length of one body."""
    try:
        memory = _idle.pop()
    except IndexError:
        memory = np.empty(BOUNCE_NBYTES, np.uint8).data
    try:
        yield memory
    finally:
        if len(_idle) < _IDLE_BOUNCES:
            _idle.append(memory)


def discard(chunk: memoryview) -> None:
    """A target for bytes that nobody wants."""


def file_target(fd: int, offset: int) -> Target:
    """Write a buffer into a file from `offset`."""
    at = offset

    def write(chunk: memoryview) -> None:
        nonlocal at
        while chunk:
            count = os.pwrite(fd, chunk, at)
            at += count
            chunk = chunk[count:]

    return write


def check_targets(targets: Sequence[Target], lengths: Sequence[int]) -> None:
    """Raise `ValueError` unless there is a target of the right size per buffer."""
    if len(targets) != len(lengths):
        message = f"{len(targets)} targets for {len(lengths)} buffers"
        raise ValueError(message)
    for target, nbytes in zip(targets, lengths, strict=True):
        if isinstance(target, memoryview) and target.nbytes != nbytes:
            message = f"a target of {target.nbytes} bytes for a buffer of {nbytes}"
            raise ValueError(message)


class Budget:
    """Bytes that may be held at once by all who share it; others wait."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._free = nbytes
        self._changed = threading.Condition()

    @contextmanager
    def hold(self, nbytes: int, timeout_s: float) -> Iterator[None]:
        """Take `nbytes`, at most all of it; raises `TimeoutError`."""
        with self._changed:
            if not self._changed.wait_for(lambda: self._free >= nbytes, timeout_s):
                message = f"{nbytes} bytes of memory did not become free"
                raise TimeoutError(message)
            self._free -= nbytes
        try:
            yield
        finally:
            with self._changed:
                self._free += nbytes
                self._changed.notify_all()
