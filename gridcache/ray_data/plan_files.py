"""Versions of files: what tells that a file was written again.

Of a local file that is its size, its time and its inode, of any other what its file
system says of size and time. A directory is all that is in it, hidden files as well.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gridcache.ray_data.plan_sources import Files, Undigestible

__all__ = ["versions"]


def versions(files: Files) -> tuple[tuple[Any, ...], ...]:
    """Path and version of each file, in order of the paths given.

    Raises
    ------
    Undigestible
        Its file system does not say when a file was written, or it is gone.
    """
    from pyarrow import fs  # noqa: PLC0415 - takes long

    system = unwrapped(files.system)
    if system is None:
        system = fs.LocalFileSystem()
    if isinstance(system, fs.LocalFileSystem):
        return tuple(one for path in files.paths for one in _local(path))
    return tuple(_elsewhere(system, list(files.paths)))


def unwrapped(system: Any) -> Any:
    """The file system that Ray's retries are around."""
    return system.unwrap() if hasattr(system, "unwrap") else system


def _local(path: str) -> Iterator[tuple[Any, ...]]:
    try:
        if not Path(path).is_dir():
            yield _version(path)
            return
        for place, folders, names in os.walk(path, followlinks=True):
            folders.sort()
            yield from (_version(str(Path(place, name))) for name in sorted(names))
    except OSError as error:
        raise Undigestible(str(error)) from None


def _version(path: str) -> tuple[Any, ...]:
    found = Path(path).stat()
    return path, found.st_size, found.st_mtime_ns, found.st_ino


def _elsewhere(system: Any, paths: list[str]) -> Iterator[tuple[Any, ...]]:
    from pyarrow import fs  # noqa: PLC0415 - takes long

    for found in system.get_file_info(paths):
        if found.type != fs.FileType.Directory:
            yield _told(found)
            continue
        inside = system.get_file_info(fs.FileSelector(found.path, recursive=True))
        plain = [one for one in inside if one.type != fs.FileType.Directory]
        yield from map(_told, sorted(plain, key=lambda one: one.path))


def _told(found: Any) -> tuple[Any, ...]:
    if found.size is None or found.mtime_ns is None:
        message = f"its file system does not say when {found.path} was written"
        raise Undigestible(message)
    return found.path, found.size, found.mtime_ns
