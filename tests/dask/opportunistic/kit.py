"""What the tests of `cached()` share."""

import time
from collections.abc import Callable
from typing import Any

import pytest
from dask.delayed import delayed

from gridcache.dask.opportunistic.grid import asked_to_persist
from tests.dask.kit.collections import KINDS
from tests.dask.kit.notes import Log, noted

__all__ = ["ALL", "ASKED", "PURE_KINDS", "until"]

ASKED = pytest.mark.skipif(
    not asked_to_persist(), reason="this Dask does not ask its scheduler to persist"
)

ALL: dict[str, Any] = {"min_seconds": 0.0, "min_seconds_per_byte": 0.0}
"""Thresholds that everything is worth."""


def _pure_delayed(log: Log) -> Any:
    return delayed(noted, pure=True)({"a": [1, None]}, log=str(log.path))


PURE_KINDS: dict[str, Callable[[Log], Any]] = {**KINDS, "delayed": _pure_delayed}
"""Makers by name; the same call makes the same delayed value."""


def until(done: Callable[[], bool]) -> None:
    """Wait for what another thread or process does."""
    deadline = time.monotonic() + 20
    while not done():
        assert time.monotonic() < deadline, "it does not happen"
        time.sleep(0.005)
