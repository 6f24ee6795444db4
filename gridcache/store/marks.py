"""Marks: small files beside the index that say how a store on disk was left.

`clean` exists while nobody has the store open and the last one closed it: it
holds a checksum of the index. `open` holds the boot in which it was opened, so
that a death of processes is told from one of the machine. `namespaces.json`
repeats the settings of the namespaces, which no extent carries. Each is replaced
in one step and carries its own checksum.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import xxhash

from gridcache.store.files import open_private
from gridcache.store.namespaces import Namespace

__all__ = [
    "CLEAN",
    "NAMESPACES",
    "OPEN",
    "boot_id",
    "file_checksum",
    "load_namespaces",
    "read_mark",
    "remove_mark",
    "save_namespaces",
    "sync_directory",
    "write_mark",
]

CLEAN = "clean"
OPEN = "open"
NAMESPACES = "namespaces.json"
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_CHUNK = 4 << 20


def boot_id() -> str:
    """Names this run of the machine's kernel; empty if it cannot be told."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return _mac_boot_id()


def _mac_boot_id() -> str:
    command = ("/usr/sbin/sysctl", "-n", "kern.bootsessionuuid")
    try:
        done = subprocess.run(  # noqa: S603 - fixed, and the absolute path is the system's
            command, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def write_mark(
    directory: Path, name: str, content: dict[str, Any], *, sync: bool = True
) -> None:
    """Write or replace a mark in one step.

    Parameters
    ----------
    sync
        False where a mark that a power loss takes away says as much.
    """
    text = _checked(json.dumps(content, sort_keys=True))
    temporary = directory / f"{name}.{secrets.token_hex(8)}"
    fd = open_private(temporary)
    try:
        with os.fdopen(fd, "w") as file:
            file.write(text)
            file.flush()
            if sync:
                os.fsync(file.fileno())
        temporary.replace(directory / name)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if sync:
        sync_directory(directory)


def read_mark(directory: Path, name: str) -> dict[str, Any] | None:
    """What `write_mark` wrote; None if it is absent or damaged."""
    try:
        text = (directory / name).read_text()
    except (OSError, UnicodeDecodeError):
        return None
    body = text.partition("\n")[2]
    if not body or _checked(body) != text:
        return None
    content = json.loads(body)
    return content if isinstance(content, dict) else None


def remove_mark(directory: Path, name: str) -> None:
    """Remove a mark if it is there; gone from the disk when this returns."""
    path = directory / name
    if path.exists():
        path.unlink()
        sync_directory(directory)


def _checked(body: str) -> str:
    return f"{xxhash.xxh3_64_hexdigest(body.encode())}\n{body}"


def sync_directory(directory: Path) -> None:
    """Bring names made and removed in a directory to the disk."""
    fd = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def file_checksum(path: Path, nbytes: int) -> str:
    """Checksum of a file's first bytes."""
    state, left = xxhash.xxh3_128(), nbytes
    with path.open("rb", buffering=0) as file:
        while left and (piece := file.read(min(_CHUNK, left))):
            state.update(piece)
            left -= len(piece)
    return state.hexdigest()


def save_namespaces(directory: Path, spaces: Iterable[Namespace]) -> None:
    """Note the settings of all namespaces; the caller holds the writer's gate."""
    content = {"namespaces": [asdict(space) for space in spaces]}
    write_mark(directory, NAMESPACES, content)


def load_namespaces(directory: Path) -> list[Namespace]:
    """What `save_namespaces` noted; empty if that is lost."""
    content = read_mark(directory, NAMESPACES) or {"namespaces": []}
    return [Namespace(**settings) for settings in content["namespaces"]]
