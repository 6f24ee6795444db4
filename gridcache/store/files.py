"""Files of a store: private, reserved before they are touched.

Covers creating, reserving and reading back files so that a full file system is
an error at once. Does not know what the files hold.
"""

import errno
import os
from pathlib import Path
from typing import Any

from gridcache.errors import ClosedError, OutOfSpaceError, StoreAccessError

__all__ = [
    "PAGE",
    "allocated_nbytes",
    "back_file",
    "close_file",
    "open_private",
    "reserve_file",
    "round_pages",
]

PAGE = 4096
"""Bytes; the step in which tmpfs and LMDB take memory."""


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def round_pages(nbytes: int) -> int:
    """Round up to whole pages."""
    return (nbytes + PAGE - 1) & -PAGE


def open_private(path: Path, flags: int = os.O_RDWR | os.O_CREAT) -> int:
    """Open a file of mode 0600 that is not a link; returns the descriptor.

    Raises
    ------
    StoreAccessError
        This user may not, or it is a link; nothing is changed.
    """
    try:
        return os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    except PermissionError as error:
        message = (
            f"cannot open {path}: permission denied; use a directory of your own "
            f"(path= or GRIDCACHE_DIRECTORY)"
        )
        raise StoreAccessError(message, path=str(path)) from error
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        message = f"{path} is a link, which no store makes; remove the store"
        raise StoreAccessError(message, path=str(path)) from error


class _Closed:
    """In the place of a descriptor: a call that comes too late is told so."""

    def __index__(self) -> int:
        message = "the store is closed; open it again"
        raise ClosedError(message)

    fileno = __index__


def close_file(fd: Any) -> Any:
    """Close a descriptor; returns what to keep in its place."""
    if isinstance(fd, int):
        os.close(fd)
    return _Closed()


def reserve_file(fd: int, nbytes: int, path: Path) -> None:
    """Make the file at least `nbytes` long, with memory behind every byte.

    `ftruncate` past the limit of a tmpfs succeeds and the first touch is
    SIGBUS; `posix_fallocate` fails here instead. After a failure the file has
    its old length.

    Raises
    ------
    OutOfSpaceError
        The file system is full.
    """
    before = os.fstat(fd).st_size
    try:
        _allocate(fd, before, nbytes)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        os.ftruncate(fd, before)
        raise _full(path, nbytes - before) from error


def back_file(path: Path) -> None:
    """Put memory behind every byte of a sparse file, as long as it is.

    Raises
    ------
    OutOfSpaceError
        The file system is full.
    """
    fd = open_private(path)
    nbytes = os.fstat(fd).st_size
    try:
        _allocate(fd, 0, nbytes)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _full(path, nbytes) from error
    finally:
        os.close(fd)


def _allocate(fd: int, before: int, nbytes: int) -> None:
    if nbytes <= before:
        return
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(fd, before, nbytes - before)
    else:  # macOS: no shared-memory file system, so no SIGBUS to fear from tmpfs
        os.ftruncate(fd, nbytes)


def _full(path: Path, wanted: int) -> OutOfSpaceError:
    stats = os.statvfs(path.parent)
    free = stats.f_bavail * stats.f_frsize
    message = (
        f"{path.parent} has {free} bytes free, {wanted} more are needed; free some, "
        f"mount it larger (containers: --shm-size), or choose another directory "
        f"(path= or GRIDCACHE_DIRECTORY)"
    )
    return OutOfSpaceError(message, path=str(path), free=free, wanted=wanted)


def allocated_nbytes(directory: Path) -> int:
    """Sum of the lengths of all files below a directory."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += Path(folder, name).stat().st_size
            except FileNotFoundError:
                continue  # removed while we looked
    return total
