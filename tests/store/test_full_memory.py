"""A shared-memory file system that is full: an error that says so, never SIGBUS.

On file systems of their own, so only where they can be mounted.
"""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.kit.processes import Child

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount")


@pytest.fixture
def small_memory(tmp_path: Path) -> Iterator[Path]:
    """A tmpfs of 12 MiB."""
    place = tmp_path / "memory"
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", "size=12m,mode=700", "tmpfs", str(place)]
    if subprocess.run(options, check=False, capture_output=True).returncode:
        pytest.skip("may not mount")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)  # noqa: S607


def fill(directory: Path, leave_nbytes: int) -> None:
    """Let somebody else take all but so many bytes."""
    stats = os.statvfs(directory)
    nbytes = stats.f_bavail * stats.f_frsize - leave_nbytes
    with (directory / "other").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, nbytes)


def test_making_a_store_where_there_is_no_room_says_so(small_memory: Path) -> None:
    fill(small_memory, 200 << 10)
    with Child("cramped", small_memory / "store", "make") as child:
        assert child.hear().startswith(f"OutOfSpaceError {small_memory}")
    assert [path.name for path in small_memory.iterdir()] == ["other"]


@pytest.mark.parametrize("nbytes", [20, 5000, 300_000])
@pytest.mark.parametrize("leave_nbytes", [0, 4096, 100 << 10])
def test_a_store_that_cannot_grow_says_so_and_keeps_what_it_has(
    small_memory: Path, nbytes: int, leave_nbytes: int
) -> None:
    with Child("cramped", small_memory / "store", "put", nbytes) as child:
        child.hear("made")
        fill(small_memory, leave_nbytes)
        child.tell()
        assert child.hear() in {"OutOfSpaceError", "evicts"}
        child.hear("kept")
        (small_memory / "other").unlink()
        child.tell()
        child.hear("goes on")


def test_clients_come_and_go_in_full_memory(small_memory: Path) -> None:
    with Child("cramped", small_memory / "store", "put", 5000) as child:
        child.hear("made")
        fill(small_memory, 0)
        for _ in range(3):
            with Child("cramped", small_memory / "store", "join") as other:
                other.hear("joined")
        child.tell()
        child.hear()
        child.hear("kept")
