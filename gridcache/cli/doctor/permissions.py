"""Who can reach the stores: whoever can write one can run code in its readers."""

import os
from collections.abc import Iterator
from pathlib import Path
from stat import S_IMODE, S_ISDIR

from gridcache.cli.doctor.finding import Finding, fail, ok
from gridcache.config import Config

__all__ = ["check_permissions"]

OTHERS = 0o077
"""Any right of the group or of all others."""

SUBJECT = "permissions"


def check_permissions(config: Config) -> Iterator[Finding]:
    """Owner and mode of the stores' directory and of all below it."""
    directory = config.directory
    if not directory.is_dir():
        yield _absent(directory)
        return
    paths = [directory, *sorted(directory.rglob("*"))]
    bad = [finding for path in paths if (finding := _one(path))]
    yield from bad
    if not bad:
        yield ok(SUBJECT, f"{directory} and {len(paths) - 1} below it are yours alone")


def _absent(directory: Path) -> Finding:
    parent = next(path for path in directory.parents if path.is_dir())
    if os.access(parent, os.W_OK | os.X_OK):
        return ok(SUBJECT, f"{directory} will be made at the first use")
    cure = "set GRIDCACHE_DIRECTORY to a directory of yours"
    return fail(SUBJECT, f"{parent} cannot be written", cure)


def _one(path: Path) -> Finding | None:
    try:
        status = path.lstat()
    except FileNotFoundError:  # a store that ended while we looked
        return None
    if status.st_uid != os.getuid():
        text = f"{path} belongs to uid {status.st_uid}: it can run code in your process"
        return fail(SUBJECT, text, "set GRIDCACHE_DIRECTORY to a directory of yours")
    mode = S_IMODE(status.st_mode)
    if mode & OTHERS:
        wanted = "0700" if S_ISDIR(status.st_mode) else "0600"
        text = f"{path} has mode {mode:04o}: others can read or write your values"
        return fail(SUBJECT, text, f"chmod {wanted} '{path}'")
    return None
