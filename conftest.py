"""What holds for every test and doctest of the repository, wherever it lies."""

import os
import shutil
import tempfile
from pathlib import Path

import pytest

pytest_plugins = ["tests.cluster.kit.fixtures"]
"""Here, since one session is to start one Ray cluster at most."""

_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - where stores live by default
_OWN_DIRECTORY = pytest.StashKey[str]()


def pytest_configure(config: pytest.Config) -> None:
    """Keep tests off the user's stores and settings, child processes included."""
    for name in [name for name in os.environ if name.startswith("GRIDCACHE_")]:
        del os.environ[name]
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    directory = tempfile.mkdtemp(prefix="gridcache-tests-", dir=parent)
    config.stash[_OWN_DIRECTORY] = directory
    os.environ["GRIDCACHE_DIRECTORY"] = directory
    os.environ["GRIDCACHE_CONFIG"] = os.devnull


def pytest_unconfigure(config: pytest.Config) -> None:
    """Give the memory back."""
    shutil.rmtree(config.stash[_OWN_DIRECTORY], ignore_errors=True)
