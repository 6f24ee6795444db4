"""How much memory a store takes when nobody says: the machine's and its limits.

Only sizes; `gridcache.config` decides when they are asked for.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["automatic_capacity", "free_nbytes", "memory_nbytes"]

_MEMORY_SHARE = 4
"""A quarter: the rest is for the processes that use the cache."""
_FREE_SHARE = 2
"""Half of the file system: Ray's object store and others live there too."""

_PROC = Path("/proc/self/cgroup")
_CGROUPS = Path("/sys/fs/cgroup")


def automatic_capacity(directory: Path) -> int:
    """Bytes for a new store: a share of the memory, and of what is free there.

    Parameters
    ----------
    directory
        Where the store will be; it need not exist yet.
    """
    return min(memory_nbytes() // _MEMORY_SHARE, free_nbytes(directory) // _FREE_SHARE)


def free_nbytes(directory: Path) -> int:
    """Bytes that this user may still write on the file system of a directory."""
    existing = next(path for path in (directory, *directory.parents) if path.is_dir())
    stats = os.statvfs(existing)
    return stats.f_bavail * stats.f_frsize


def memory_nbytes(proc: Path = _PROC, cgroups: Path = _CGROUPS) -> int:
    """Bytes of memory of the machine, or of the tightest cgroup around this process.

    Parameters
    ----------
    proc
        The process's list of cgroups; absent outside Linux.
    cgroups
        Where the hierarchies are mounted.
    """
    machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([machine, *_cgroup_limits(proc, cgroups)])


def _cgroup_limits(proc: Path, cgroups: Path) -> Iterator[int]:
    try:
        lines = proc.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, group = line.split(":", 2)
        if not controllers:
            yield from _limits_upwards(cgroups, group, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits_upwards(
                cgroups / "memory", group, "memory.limit_in_bytes"
            )


def _limits_upwards(mount: Path, group: str, name: str) -> Iterator[int]:
    """Yield the limits of a group and of those around it.

    In a container the group's path may be the host's, which is not mounted there:
    what is missing is passed over, and the mount's own root is read in any case.
    """
    place = mount / group.lstrip("/")
    while place.is_relative_to(mount):
        with contextlib.suppress(OSError, ValueError):  # no such group, or "max"
            yield int((place / name).read_text())
        place = place.parent
