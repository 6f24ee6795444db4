"""Directory: the stores of this user on this machine, listed and removed."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gridcache.errors import GridCacheError, StoreAccessError, StoreFormatError
from gridcache.store.clients import Clients
from gridcache.store.files import allocated_nbytes
from gridcache.store.layout import Superblock, read_superblock
from gridcache.store.opening import close_store, open_store

__all__ = ["StoreSummary", "list_stores", "remove_store"]


@dataclass(frozen=True, slots=True)
class StoreSummary:
    """One store, as seen from outside."""

    name: str
    path: str
    capacity_nbytes: int
    directory_nbytes: int
    clients: int
    """Processes that have it open now."""
    entries: int
    """-1 if it cannot be opened."""
    created: float
    """Seconds since the epoch."""
    on_disk: bool


def list_stores(directory: Path) -> list[StoreSummary]:
    """Every store directly below a directory, by name; also left-over ones."""
    if not directory.is_dir():
        return []
    return [
        _summary(path, block)
        for path in sorted(directory.iterdir())
        if not path.name.startswith(".") and (block := _block(path)) is not None
    ]


def _block(path: Path) -> Superblock | None:
    try:
        return read_superblock(path)
    except (OSError, StoreFormatError):
        return None


def _summary(path: Path, block: Superblock) -> StoreSummary:
    return StoreSummary(
        name=path.name,
        path=str(path),
        capacity_nbytes=block.capacity_nbytes,
        directory_nbytes=allocated_nbytes(path),
        clients=len(list(_living(path))),
        entries=_entries(path),
        created=block.created,
        on_disk=block.on_disk,
    )


def _living(path: Path) -> Iterator[int]:
    """Pids of the processes that have a store open."""
    clients = Clients(path)
    try:
        yield from (row.pid for row in clients.read() if clients.alive(row.row))
    finally:
        clients.close()


def _entries(path: Path) -> int:
    try:
        store = open_store(path)
    except (GridCacheError, OSError):
        return -1
    try:
        return sum(space.entries for space in store.stats().namespaces)
    finally:
        close_store(store)


def remove_store(path: Path, *, force: bool = False) -> None:
    """Delete a store and give its memory back.

    Raises
    ------
    StoreAccessError
        Processes have it open and `force` is not set; nothing is changed.
    StoreFormatError, FileNotFoundError
        There is no store at the path.
    """
    if not (path / "arena").exists() or not (path / "locks").is_dir():
        read_superblock(path)  # raises: there is none
        message = f"{path} is not a whole gridcache store; delete it yourself"
        raise StoreFormatError(message, path=str(path))
    pids = sorted(set(_living(path)))
    if pids and not force:
        message = (
            f"{path} is open in processes {', '.join(map(str, pids))}; end them, or "
            f"remove it all the same (--force): they keep their memory until they end"
        )
        raise StoreAccessError(message, path=str(path), pids=pids)
    shutil.rmtree(path)
