"""Timing: many single operations in a round, rounds of all contenders in turn.

A B A B, never A A B B: what else runs on the machine then hits all alike. The
first round of each is thrown away. Collection of garbage is off inside a round,
as in `timeit`, except where a figure is about the tail.
"""

import gc
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from statistics import median
from time import perf_counter_ns
from typing import Any

from gridcache.bench.result import Series

__all__ = ["interleave", "median_call_s", "median_pair_s", "times_ns"]

_NS = 1e-9
_CLOCK_TRIES = 2001


def _clock_cost_ns() -> int:
    """What two looks at the clock cost with nothing between them."""
    stamps = [perf_counter_ns() for _ in range(_CLOCK_TRIES)]
    return int(median(b - a for a, b in itertools.pairwise(stamps)))


@contextmanager
def no_collection() -> Iterator[None]:
    """Keep the garbage collector out of a measurement."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def times_ns(
    call: Callable[..., object],
    pairs: Iterable[tuple[Any, ...]],
    clock: Callable[[], int] = perf_counter_ns,
) -> list[int]:
    """Nanoseconds of each call, dropping its result included.

    Parameters
    ----------
    clock
        `time.thread_time_ns` for the processor's time alone.
    """
    found = []
    for pair in pairs:
        start = clock()
        call(*pair)
        found.append(clock() - start)
    return found


def median_call_s(call: Callable[[Any], object], arguments: Iterable[Any]) -> float:
    """Median seconds of a call with one argument, without the clock's own cost."""
    clock = perf_counter_ns
    found = []
    with no_collection():
        for argument in arguments:
            start = clock()
            call(argument)
            found.append(clock() - start)
    return _net_s(found)


def median_pair_s(
    call: Callable[[Any, Any], object], pairs: Iterable[tuple[Any, Any]]
) -> float:
    """Median seconds of a call with two arguments."""
    clock = perf_counter_ns
    found = []
    with no_collection():
        for first, second in pairs:
            start = clock()
            call(first, second)
            found.append(clock() - start)
    return _net_s(found)


def _net_s(found: Sequence[int]) -> float:
    return max(median(found) - _CLOCK_NS, 1) * _NS


def interleave(
    rounds: int, contenders: Mapping[str, Callable[[int], float]]
) -> dict[str, Series]:
    """Let all contenders measure once per round, in turn.

    Parameters
    ----------
    contenders
        By name: given the number of the round (0 is thrown away), a number.
    """
    found: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds + 1):
        for name, measure in contenders.items():
            value = measure(number)
            if number:
                found[name].append(value)
    return {name: Series(tuple(values)) for name, values in found.items()}


_CLOCK_NS = _clock_cost_ns()
