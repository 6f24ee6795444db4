"""What the acts share: a private directory in shared memory, bars, child processes.

The directory is named after this process, so that a later demo can remove what a
killed one left behind. The user's own stores are never opened.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from rich.progress import Progress

from gridcache.config import load_config
from gridcache.errors import OutOfSpaceError
from gridcache.machine import free_nbytes
from gridcache.units import format_bytes

if TYPE_CHECKING:
    from gridcache.cache import GridCache

__all__ = ["Stage", "child_command", "run_child", "set_stage"]

T = TypeVar("T")
PREFIX = "gridcache-demo-"
CHILD_TIMEOUT_S = 60
LEAST_NBYTES = 64 * 2**20
"""Room that the smallest form of the acts needs."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the acts play."""

    directory: Path
    """Private; below it the acts make their stores."""
    room_nbytes: int
    """What the demo may take at once."""
    progress: Progress

    def open_cache(self, store: str, **settings: Any) -> "GridCache":
        """Open a cache in one of the demo's stores."""
        from gridcache.cache import GridCache  # noqa: PLC0415 - loads lmdb and numpy

        return GridCache("demo", path=self.directory / store, **settings)

    @contextmanager
    def borrowed_cache(self, store: str, **settings: Any) -> "Iterator[GridCache]":
        """Open a cache whose store is removed when its act ends."""
        try:
            with self.open_cache(store, **settings) as cache:
                yield cache
        finally:
            shutil.rmtree(self.directory / store, ignore_errors=True)

    def follow(self, items: Sequence[T], text: str) -> Iterator[T]:
        """Go through items with a progress bar."""
        yield from self.progress.track(items, description=text)


@contextmanager
def set_stage(progress: Progress) -> Iterator[Stage]:
    """Make the directory, and remove it whatever happens."""
    parent = load_config().directory.parent
    _remove_leftovers(parent)
    room_nbytes = free_nbytes(parent) // 2
    if room_nbytes < LEAST_NBYTES:
        raise _too_small(parent, room_nbytes)
    directory = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-", dir=parent))
    try:
        yield Stage(directory, room_nbytes, progress)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def child_command(module: str, *arguments: object) -> list[str]:
    """Command of a module of the demo, in this interpreter."""
    name = f"gridcache.cli.demo.{module}"
    return [sys.executable, "-m", name, *map(str, arguments)]


def run_child(module: str, *arguments: object) -> Any:
    """Run a module of the demo in a process of its own; returns the JSON it prints."""
    result = subprocess.run(  # noqa: S603 - our own module, in this interpreter
        child_command(module, *arguments),
        check=True,
        stdout=subprocess.PIPE,
        timeout=CHILD_TIMEOUT_S,
    )
    return json.loads(result.stdout)


def _too_small(parent: Path, room_nbytes: int) -> OutOfSpaceError:
    return OutOfSpaceError(
        f"the demo needs {format_bytes(2 * LEAST_NBYTES)} free at {parent}, there are "
        f"{format_bytes(2 * room_nbytes)}; see `grid doctor` for the cures",
        free_nbytes=2 * room_nbytes,
    )


def _remove_leftovers(parent: Path) -> None:
    for path in parent.glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdigit() and path.stat().st_uid == os.getuid() and not _lives(int(pid)):
            shutil.rmtree(path, ignore_errors=True)


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
