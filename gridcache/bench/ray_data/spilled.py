"""Spilled: the files that Ray's object store has written, out of the page cache.

What they are to Ray where its machine has no memory left to cache files with.
"""

import os
from pathlib import Path

__all__ = ["drop_from_memory"]

_FILES = "session_2*/ray_spilled_objects*/*"


def drop_from_memory(directory: Path) -> None:
    """Bring to the disk what Ray has spilled, and out of memory.

    Parameters
    ----------
    directory
        Of Ray's temporary files.
    """
    for path in directory.glob(_FILES):
        try:
            file = os.open(path, os.O_RDONLY)
        except FileNotFoundError:  # nobody wants it any more
            continue
        try:
            os.fsync(file)
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        finally:
            os.close(file)
