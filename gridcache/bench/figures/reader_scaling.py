"""Two reader processes against one: how much more they read together.

Copying reads are of 1 KiB values, views of 64 KiB arrays (a lease each). The
near cache is off, or a part of the reads would not reach the store. The rival
is one of the same processes alone, in the same round.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.place import setting
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.small_values import values_of
from gridcache.bench.timing import interleave
from gridcache.cache import GridCache

__all__ = ["measure"]

_PROCESSES = 2
_RIVAL = "one process"
_COPIES = Goal(1.6, at_most=False)
_VIEWS = Goal(0.6, at_most=False)
_VIEW_NBYTES = 64 << 10
_VIEW_KEYS = 256
_CAPACITY_PER_KEY = 2048
_SPARE = 64 << 20
_MODULE = "gridcache.bench.reader_process"
_LEAD_S = 0.005
"""From the command to the start: all have read their line by then."""
_WAIT_S = 30.0


def measure(run: Run) -> Iterator[Result]:
    """Reads per second of all processes together."""
    count = run.scale.small_keys
    small = run.cache("copies", count * _CAPACITY_PER_KEY + _SPARE)
    small.put_many(values_of([f"user:{number:08d}" for number in range(count)]))
    yield from _rows(run, small, "copying reads", "1 KiB bytes", _COPIES)
    views = run.cache("views", 2 * _VIEW_KEYS * _VIEW_NBYTES + _SPARE)
    array = np.random.default_rng(4).random(_VIEW_NBYTES // 8)
    views.put_many({f"array:{number}": array for number in range(_VIEW_KEYS)})
    yield from _rows(run, views, "views", "64 KiB arrays as views", _VIEWS)


def _rows(
    run: Run, cache: GridCache, name: str, subject: str, goal: Goal
) -> Iterator[Result]:
    figure = Figure(
        f"two readers, {name}",
        f"gets of {subject} by two processes together",
        Unit.PER_SECOND,
        {_RIVAL: goal},
    )
    with ExitStack() as stack, setting("GRIDCACHE_NEAR_BYTES", "0"):
        readers = [stack.enter_context(_Reader(cache.path)) for _ in range(_PROCESSES)]
        rate = partial(_rate, seconds=run.scale.read_s)
        contenders: dict[str, Callable[[int], float]] = {
            OURS: lambda _: rate(readers),
            _RIVAL: lambda _: rate(readers[:1]),
        }
        yield from figure.rows(interleave(run.scale.rounds, contenders))


def _rate(readers: Sequence["_Reader"], *, seconds: float) -> float:
    start = time.monotonic() + _LEAD_S
    for reader in readers:
        reader.tell(f"{start!r} {seconds!r}\n")
    return sum(float(reader.hear()) for reader in readers)


class _Reader:
    """One process, ready to read; ends with the block."""

    def __init__(self, path: Path) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - our own module
            [sys.executable, "-m", _MODULE, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        self.hear()
        return self

    def __exit__(self, *_: object) -> None:
        with self._process as process:
            if process.stdin is not None:
                process.stdin.close()
            try:
                process.wait(_WAIT_S)
            except subprocess.TimeoutExpired:
                process.kill()

    def tell(self, line: str) -> None:
        """Send a command."""
        assert self._process.stdin is not None  # noqa: S101 - for the types
        self._process.stdin.write(line)
        self._process.stdin.flush()

    def hear(self) -> str:
        """Its next line.

        Raises
        ------
        ChildProcessError
            It died.
        """
        assert self._process.stdout is not None  # noqa: S101 - for the types
        line = self._process.stdout.readline()
        if not line:
            message = f"a reader process died with code {self._process.wait(_WAIT_S)}"
            raise ChildProcessError(message)
        return line
