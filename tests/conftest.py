"""Fixtures and Hypothesis profiles of all tests."""

import gc
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

_SHARED_MEMORY = Path("/dev/shm")
_FDS = Path("/proc/self/fd")
_NO_LEAKS_IN = ("tests/store", "tests/cache")
_OWN_PREFIX = "gridcache-test-"
_MUST_BE_CLOSED = (f"/{_OWN_PREFIX}", "/pytest-of-")
"""Where `store_dir` and `tmp_path` lie; the session's default store stays open."""

settings.register_profile("default", deadline=None, max_examples=50)
settings.register_profile("ci", deadline=None, max_examples=100, print_blob=True)
settings.register_profile(
    "nightly",
    deadline=None,
    max_examples=2_000,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture
def store_dir() -> Iterator[Path]:
    """A fresh directory in shared memory, or on disk where there is none."""
    parent = _SHARED_MEMORY if _SHARED_MEMORY.is_dir() else None
    directory = Path(tempfile.mkdtemp(prefix=_OWN_PREFIX, dir=parent))
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test of the store or the cache that leaves a thread or a file open."""
    folder = request.path.parent.relative_to(request.config.rootpath).as_posix()
    if not folder.startswith(_NO_LEAKS_IN):
        yield
        return
    gc.collect()
    threads, fds = _threads(), _open_files()
    yield
    gc.collect()
    leaked_threads = _threads() - threads
    leaked_files = {fd: to for fd, to in _open_files().items() if fds.get(fd) != to}
    assert not leaked_threads, f"threads left running: {leaked_threads}"
    assert not leaked_files, f"files left open: {leaked_files}"


def _threads() -> set[threading.Thread]:
    """Return the threads that keep the interpreter from ending."""
    return {thread for thread in threading.enumerate() if not thread.daemon}


def _open_files() -> dict[str, str]:
    """Return by descriptor what this process holds open in directories of tests.

    Only that: a library imported in the middle of a test opens files of its own.
    Nothing where there is no /proc.
    """
    if not _FDS.is_dir():
        return {}
    found = {}
    for entry in list(_FDS.iterdir()):
        try:
            target = str(entry.readlink())
        except OSError:
            continue
        if any(part in target for part in _MUST_BE_CLOSED):
            found[entry.name] = target
    return found
