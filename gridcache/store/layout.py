"""Where things lie: file names, the superblock, and the few constants of a store.

A store is a directory::

    superblock   what made it: format, capacity, on disk or not (JSON, never grows)
    data.mdb     the index (LMDB), lock.mdb its reader table
    arena        the bytes of the values
    access       recency and frequency, one record per slot, written without a lock
    clients      one row per process that has the store open: pid, heartbeat, pins
    locks/<row>  held by flock while that process lives
    gone         why keys went, a fixed table that forgets the oldest
    gate         the writers' timed gate
"""

import json
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import xxhash

from gridcache.errors import StoreFormatError

__all__ = [
    "FORMAT",
    "INLINE_MAX",
    "MINIMUM_CAPACITY",
    "READERS",
    "SINGLE_PHASE_MAX",
    "VIEW_MIN",
    "Superblock",
    "read_superblock",
    "write_superblock",
]

FORMAT = 1
"""Version of everything in the directory."""
MINIMUM_CAPACITY = 4 << 20
"""Bytes; the fixed files take about 400 KiB of it."""
READERS = 4096
"""Rows of LMDB's reader table; full, `lmdb.open` itself fails."""
INLINE_MAX = 256
"""Bytes of header and body that still live in the index; the break-even."""
SINGLE_PHASE_MAX = 64 << 10
"""Bytes written inside the transaction; above, reserve and commit are two."""
VIEW_MIN = 16 << 10
"""Bytes; below, a private read-only copy is cheaper than a lease."""

_MAGIC = "gridcache store"


@dataclass(frozen=True, slots=True)
class Superblock:
    """What was decided when the store was made."""

    capacity_nbytes: int
    on_disk: bool = False
    durable: bool = False
    created: float = 0.0
    format: int = FORMAT


def write_superblock(directory: Path, block: Superblock) -> None:
    """Write or replace it in one step."""
    content = {"magic": _MAGIC, **asdict(block)}
    content["checksum"] = _checksum(content)
    temporary = directory / f"superblock.{os.getpid()}.{time.monotonic_ns()}"
    with temporary.open("w") as file:
        file.write(json.dumps(content, sort_keys=True) + "\n")
        if block.on_disk:
            file.flush()
            os.fsync(file.fileno())
    temporary.chmod(0o600)
    temporary.replace(directory / "superblock")


def _checksum(content: dict[str, Any]) -> str:
    packed = json.dumps(content, sort_keys=True).encode()
    return xxhash.xxh3_64_hexdigest(packed)


def read_superblock(directory: Path) -> Superblock:
    """Read it.

    Raises
    ------
    FileNotFoundError
        There is no store here.
    StoreFormatError
        Not a store, one of a newer format, or damaged. Nothing is touched.
    """
    data = (directory / "superblock").read_bytes()
    try:
        content = json.loads(data)
        found = content.pop("format") if content.pop("magic") == _MAGIC else None
    except (ValueError, KeyError, AttributeError, TypeError) as error:
        message = f"{directory} is not a gridcache store; choose another directory"
        raise StoreFormatError(message, path=str(directory)) from error
    if found != FORMAT:
        message = (
            f"{directory} has store format {found}, this gridcache reads {FORMAT}; "
            f"upgrade gridcache or remove the store (grid rm-store {directory})"
        )
        raise StoreFormatError(message, path=str(directory), format=found)
    checksum = content.pop("checksum", None)
    content["format"] = found
    if checksum != _checksum({"magic": _MAGIC, **content}):
        message = (
            f"{directory / 'superblock'} is damaged; bring it back from a copy, or "
            f"delete {directory} and begin anew"
        )
        raise StoreFormatError(message, path=str(directory))
    return Superblock(**content)
