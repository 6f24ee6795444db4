"""A real store with known content, and a way to call `grid` on it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gridcache.cache import GridCache
from gridcache.cli import main

CAPACITY = "8MiB"

Grid = Callable[..., Result]
"""Calls `grid` with `--path` of the filled store."""


@pytest.fixture
def path() -> Iterator[Path]:
    """Where the store of a test is or will be: in memory, which is quicker."""
    directory = tempfile.mkdtemp(dir=os.environ["GRIDCACHE_DIRECTORY"])
    yield Path(directory, "store")
    shutil.rmtree(directory)


@pytest.fixture
def filled(path: Path) -> Iterator[GridCache]:
    """A cache with a few entries of different kinds."""
    with GridCache("default", path=path, capacity=CAPACITY) as cache:
        cache.put("greeting", b"hello", tags=["text"])
        cache.put("numbers", np.arange(100_000.0), cost=12.5, pin=True)
        cache.put("user:1", "Ada", tags=["text", "user"])
        cache.put("user:2", {"name": "Bob", "age": 7})
        cache.put(42, "an int key")
        cache.get("greeting")
        cache.get("absent")
        yield cache


@pytest.fixture
def grid(path: Path) -> Grid:
    """Call `grid`; the store need not exist."""

    def call(*words: object, stdin: str | bytes | None = None) -> Result:
        arguments = [str(word) for word in (*words, "--path", path)]
        return CliRunner().invoke(main, arguments, input=stdin, prog_name="grid")

    return call
