"""Making: how a store comes to be, whole or not at all.

A store is filled in a draft beside its place and renamed when it is complete:
any number of processes may start at once, in any order, and be killed.
"""

import glob
import os
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path

from gridcache.errors import StoreFormatError
from gridcache.store import marks, recovery
from gridcache.store.access import AccessTable
from gridcache.store.clients import ROW_NBYTES
from gridcache.store.files import back_file, open_private, reserve_file
from gridcache.store.filesystem import is_memory
from gridcache.store.gone import Gone
from gridcache.store.index import Index
from gridcache.store.layout import Superblock, write_superblock
from gridcache.store.room import check_capacity, index_step
from gridcache.store.state import State

__all__ = ["make_if_absent"]

_FIRST_SLOTS = 1024
_DRAFT_S = 600.0
"""After which a half-made store has no maker any more."""
_STALL_TIMEOUT_S = 2.0


def make_if_absent(
    directory: Path, capacity_nbytes: int | None, *, durable: bool
) -> None:
    """Make a store in a directory unless there is one; see `open_store`."""
    if (directory / "superblock").exists():
        return
    if directory.is_dir() and any(directory.iterdir()):
        message = (
            f"{directory} is not empty and not a gridcache store; choose an empty or "
            f"a new directory"
        )
        raise StoreFormatError(message, path=str(directory))
    if capacity_nbytes is None:
        message = f"there is no store at {directory}"
        raise FileNotFoundError(message)
    check_capacity(capacity_nbytes, directory)
    _make(directory, capacity_nbytes, durable=durable)


def _make(directory: Path, capacity_nbytes: int, *, durable: bool) -> None:
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _remove_old_drafts(directory)
    draft = directory.parent / f".{directory.name}.{secrets.token_hex(8)}"
    draft.mkdir(mode=0o700)
    try:
        _fill(draft, capacity_nbytes, durable=durable)
        with suppress(OSError):  # somebody else was first: theirs is as good
            draft.rename(directory)
            if durable:
                marks.sync_directory(directory.parent)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not (directory / "superblock").exists():
        message = f"cannot make a store at {directory}: something else is there"
        raise StoreFormatError(message, path=str(directory))


def _remove_old_drafts(directory: Path) -> None:
    """Stores that were killed in the making, long enough ago."""
    for draft in directory.parent.glob(f".{glob.escape(directory.name)}.*"):
        with suppress(OSError):
            if time.time() - draft.stat().st_mtime > _DRAFT_S:
                shutil.rmtree(draft)


def _fill(directory: Path, capacity_nbytes: int, *, durable: bool) -> None:
    on_disk = not is_memory(directory)
    (directory / "locks").mkdir(mode=0o700)
    (directory / "arena").touch(mode=0o600)
    Gone.create(directory / "gone", capacity_nbytes)
    _reserve(directory / "access", AccessTable.nbytes(_FIRST_SLOTS))
    rows = min(max(capacity_nbytes >> 20, 8), 128)
    _reserve(directory / "clients", rows * ROW_NBYTES)
    index = Index(
        directory,
        on_disk=on_disk,
        stall_timeout_s=_STALL_TIMEOUT_S,
        writer_pid=int,
        set_writer_pid=lambda _: None,
    )
    index.create(index_step(capacity_nbytes), State(capacity_nbytes))
    if on_disk:
        index.sync()
    index.close()
    # Sparse as LMDB makes it: on a full tmpfs a new reader's row would be SIGBUS.
    back_file(directory / "lock.mdb")
    block = Superblock(capacity_nbytes, on_disk, durable and on_disk, time.time())
    if on_disk:
        recovery.mark_new(directory)
    write_superblock(directory, block)
    if on_disk:
        marks.sync_directory(directory)


def _reserve(path: Path, nbytes: int) -> None:
    fd = open_private(path)
    try:
        reserve_file(fd, nbytes, path)
    finally:
        os.close(fd)
