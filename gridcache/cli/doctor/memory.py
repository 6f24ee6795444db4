"""The file system that holds the stores: how large, how free, what that limits."""

from collections.abc import Iterator
from os import statvfs
from pathlib import Path

from gridcache.cli.doctor.finding import Finding, ok, warn
from gridcache.config import Config, automatic_capacity
from gridcache.machine import free_nbytes, memory_nbytes
from gridcache.units import format_bytes

__all__ = ["SMALL_NBYTES", "check_memory"]

SMALL_NBYTES = 256 * 2**20
"""Below it a default store is too small to be of use (a container's 64 MB)."""

LARGER = (
    "give the container more (docker run --shm-size=4g), remount (mount -o "
    "remount,size=8G /dev/shm), or set GRIDCACHE_DIRECTORY to a larger place"
)


def check_memory(config: Config) -> Iterator[Finding]:
    """Memory of the machine, space for stores, the capacity that follows."""
    yield ok("memory", f"{format_bytes(memory_nbytes())} of machine or cgroup")
    place = _existing(config.directory)
    free = free_nbytes(place)
    total = statvfs(place).f_blocks * statvfs(place).f_frsize
    text = f"{format_bytes(free)} free of {format_bytes(total)} at {place}"
    small = free < SMALL_NBYTES
    yield warn("shared memory", text, LARGER) if small else ok("shared memory", text)
    yield _capacity(config)


def _capacity(config: Config) -> Finding:
    if config.capacity is not None:
        text = f"{format_bytes(config.capacity)} ({config.origins['capacity']})"
        return ok("capacity of a new store", text)
    nbytes = automatic_capacity(config.directory)
    text = f"{format_bytes(nbytes)}: a quarter of the memory, at most half of the free"
    if nbytes < SMALL_NBYTES:
        return warn("capacity of a new store", text, LARGER)
    return ok("capacity of a new store", text)


def _existing(directory: Path) -> Path:
    return next(path for path in (directory, *directory.parents) if path.is_dir())
