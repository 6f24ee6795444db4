"""Joining: how a program of `tests.ray_data.programs` finds cluster and cache."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gridcache.cluster.actors.simulated import no_warnings
from gridcache.published.handle import Handle

__all__ = ["hear", "joined", "run", "say"]


@contextmanager
def joined(address: str) -> Iterator[None]:
    """Connect this process to Ray, with Ray Data quiet."""
    with no_warnings():
        import ray  # noqa: PLC0415 - warns
        from ray.data import DataContext  # noqa: PLC0415 - warns

        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
    DataContext.get_current().enable_progress_bars = False
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        ray.shutdown()


def run(program: Callable[..., None]) -> None:
    """Call it with the cache and what the test gave, as texts."""
    address, name, path, grid, *rest = sys.argv[1:]
    with joined(address):
        program(Handle(name, path or None, grid=grid), *rest)


def say(line: object) -> None:
    """To the test."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def hear() -> str:
    """From the test; blocks until it says something."""
    return sys.stdin.readline().rstrip("\n")
