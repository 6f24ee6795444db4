"""Place: a private directory for everything a run makes, gone at its end.

In shared memory, where stores live. Removed at the end, on an error, on Ctrl-C
and on SIGTERM; what a SIGKILL left is removed by the next run. The user's
settings and stores are out of reach meanwhile.
"""

import fcntl
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from gridcache.config import default_directory

__all__ = ["disk_place", "private_place", "setting"]

_PREFIX = "gridcache-bench-"
_LOCK = "lock"


@contextmanager
def private_place() -> Iterator[Path]:
    """Give a directory of this run; `GRIDCACHE_DIRECTORY` points into it."""
    with (
        _stopped_by_sigterm(),
        _directory_in(default_directory().parent) as directory,
        _own_settings(directory),
    ):
        yield directory


@contextmanager
def disk_place() -> Iterator[Path]:
    """Give a directory where temporary files lie, inside a `private_place`."""
    with _directory_in(Path(tempfile.gettempdir())) as directory:
        yield directory


@contextmanager
def _directory_in(parent: Path) -> Iterator[Path]:
    """Give a directory that goes with the block, or with the next run."""
    _remove_leftovers(parent)
    directory = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=parent))
    lock = os.open(directory / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        os.close(lock)


def _remove_leftovers(parent: Path) -> None:
    for directory in parent.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # somebody else's, or just gone
            if directory.stat().st_uid == os.getuid():
                _remove_if_dead(directory)


def _remove_if_dead(directory: Path) -> None:
    lock = os.open(directory / _LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        os.close(lock)


@contextmanager
def _own_settings(directory: Path) -> Iterator[None]:
    """Default settings and stores of our own, in child processes too."""
    before = {name: os.environ[name] for name in os.environ if _is_setting(name)}
    for name in before:
        del os.environ[name]
    os.environ["GRIDCACHE_CONFIG"] = os.devnull
    os.environ["GRIDCACHE_DIRECTORY"] = str(directory / "stores")
    try:
        yield
    finally:
        for name in [name for name in os.environ if _is_setting(name)]:
            del os.environ[name]
        os.environ.update(before)


def _is_setting(name: str) -> bool:
    return name.startswith("GRIDCACHE_")


@contextmanager
def _stopped_by_sigterm() -> Iterator[None]:
    """Turn SIGTERM into an exit that passes every `finally`."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    try:
        before = signal.signal(signal.SIGTERM, leave)
    except ValueError:  # not the main thread: whoever runs that one decides
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def setting(name: str, value: str | None) -> Iterator[None]:
    """Set a variable of the environment for a while; None leaves it alone."""
    before = os.environ.get(name)
    if value is not None:
        os.environ[name] = value
    try:
        yield
    finally:
        if value is not None:
            os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
