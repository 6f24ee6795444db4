"""Opening: making a store, joining one, and sharing it within a process.

LMDB allows one environment per file and process, so all caches of a process on
one store share one `NodeStore`, counted here. Making is a rename of a finished
directory: any number of processes may start at once, in any order.
"""

import os
import secrets
import shutil
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from gridcache.errors import (
    StoreAccessError,
    StoreFormatError,
)
from gridcache.store import recovery
from gridcache.store.access import AccessTable
from gridcache.store.arena import Arena
from gridcache.store.claims import Claims
from gridcache.store.clients import ROW_NBYTES, Clients
from gridcache.store.entries import Books
from gridcache.store.evictor import Evictor
from gridcache.store.files import back_file, open_private, reserve_file
from gridcache.store.filesystem import is_memory
from gridcache.store.gone import Gone
from gridcache.store.index import Index
from gridcache.store.layout import (
    Superblock,
    read_superblock,
    write_superblock,
)
from gridcache.store.node_store import NodeStore
from gridcache.store.parts import Parts
from gridcache.store.retirement import Retirement
from gridcache.store.room import check_capacity, index_step
from gridcache.store.salvage import salvage
from gridcache.store.state import State

__all__ = ["close_store", "open_store"]

_STALL_TIMEOUT_S = 2.0
_FIRST_SLOTS = 1024


class _Registry:
    """The stores this process has open."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.stores: dict[tuple[int, int], tuple[NodeStore, int]] = {}

    def live(self) -> list[NodeStore]:
        return [store for store, _ in self.stores.values()]


_registry = _Registry()


def open_store(
    directory: Path,
    *,
    capacity_nbytes: int | None = None,
    durable: bool = False,
    stall_timeout_s: float = _STALL_TIMEOUT_S,
) -> NodeStore:
    """Open the store in a directory; make it if there is none.

    Each call needs one `close_store`.

    Parameters
    ----------
    capacity_nbytes
        Bound on the directory, for the call that makes the store. None: there
        must be one.
    durable
        On disk: an acknowledged put survives a power loss. For the making call.

    Raises
    ------
    ConfigError
        The capacity is too small, or larger than the file system.
    StoreAccessError
        The directory belongs to somebody else or cannot be written.
    StoreFormatError
        It holds something else, or a store of a newer format.
    """
    directory = directory.absolute()
    with _registry.lock:
        _make_if_absent(directory, capacity_nbytes, durable=durable)
        _refuse_foreign(directory)
        stat = directory.stat()
        identity = (stat.st_dev, stat.st_ino)
        known = _registry.stores.get(identity)
        store = known[0] if known else _join(directory, stall_timeout_s)
        _registry.stores[identity] = (store, known[1] + 1 if known else 1)
        return store


def close_store(store: NodeStore) -> None:
    """Give one `open_store` back; the last one closes."""
    with _registry.lock:
        for identity, (known, users) in list(_registry.stores.items()):
            if known is store and users > 1:
                _registry.stores[identity] = (known, users - 1)
                return
            if known is store:
                del _registry.stores[identity]
        # Behind the lock: LMDB must not be opened again before it is closed.
        store.close()


def _make_if_absent(
    directory: Path, capacity_nbytes: int | None, *, durable: bool
) -> None:
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
    try:
        directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = directory.parent / f".{directory.name}.{secrets.token_hex(8)}"
        draft.mkdir(mode=0o700)
    except PermissionError as error:
        message = (
            f"cannot write {directory.parent}; use a directory of your own (path=)"
        )
        raise StoreAccessError(message, path=str(directory)) from error
    try:
        _fill(draft, capacity_nbytes, durable=durable)
        with suppress(OSError):  # somebody else was first: theirs is as good
            draft.rename(directory)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    if not (directory / "superblock").exists():
        message = f"cannot make a store at {directory}: something else is there"
        raise StoreFormatError(message, path=str(directory))


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


def _reserve(path: Path, nbytes: int) -> None:
    fd = open_private(path)
    try:
        reserve_file(fd, nbytes, path)
    finally:
        os.close(fd)


def _refuse_foreign(directory: Path) -> None:
    stat = directory.stat()
    if stat.st_uid != os.geteuid():
        message = (
            f"{directory} belongs to user {stat.st_uid}; whoever can write a store can "
            f"run code in its readers, so it is not used. Choose another path="
        )
        raise StoreAccessError(message, path=str(directory))
    if stat.st_mode & 0o022:
        message = f"{directory} can be written by others; chmod 700 it"
        raise StoreAccessError(message, path=str(directory))
    if not os.access(directory, os.W_OK | os.X_OK):
        message = f"{directory} cannot be written; chmod 700 it or choose another path="
        raise StoreAccessError(message, path=str(directory))


def _join(directory: Path, stall_timeout_s: float) -> NodeStore:
    block = read_superblock(directory)
    with recovery.serialised(directory, block):
        recovery.mend(directory, block)
        return _enter(directory, block, stall_timeout_s)


def _enter(directory: Path, block: Superblock, stall_timeout_s: float) -> NodeStore:
    clients = Clients(directory)
    row = clients.claim()
    try:
        clients.check_namespaces(row)
        row.introduce()
        if block.on_disk:
            recovery.prepare(directory, block, clients, row)
        access = AccessTable(directory / "access")
        index = Index(
            directory,
            on_disk=block.on_disk,
            stall_timeout_s=stall_timeout_s,
            writer_pid=lambda: access.writer,
            set_writer_pid=lambda pid: setattr(access, "writer", pid),
        )
        parts = _assemble(directory, block, clients, row, access, index)
        reap_row(parts)
        return NodeStore(parts)
    except BaseException:
        clients.clear_pins(row.row)
        os.close(row.lock_fd)
        clients.close()
        raise


def _assemble(directory, block, clients, row, access, index) -> Parts:  # type: ignore[no-untyped-def]  # noqa: ANN001
    books = Books(access, sealed=block.on_disk)
    arena, gone = Arena(directory / "arena"), Gone(directory / "gone")
    if block.on_disk:
        books.salvage = partial(salvage, arena=arena, access=access)
    claims = Claims(index, books, arena, clients)
    claims.row = row.row
    retirement = Retirement(directory, block, index, books, arena, clients)
    claims.retirement = retirement
    parts = Parts(
        directory=directory,
        superblock=block,
        index=index,
        arena=arena,
        access=access,
        clients=clients,
        row=row,
        gone=gone,
        books=books,
        evictor=Evictor(books),
        claims=claims,
        retirement=retirement,
    )
    claims.note = parts.note_gone
    return parts


def reap_row(parts: Parts) -> None:
    """Retire what the row's last owner reserved before it died."""
    parts.index.transact(lambda txn: parts.claims.reap(txn, parts.row.row))


# -- fork ----------------------------------------------------------------------


def _before_fork() -> None:
    _registry.lock.acquire()
    for store in _registry.live():
        store.before_fork()


def _after_fork_in_parent() -> None:
    for store in _registry.live():
        store.after_fork_in_parent()
    _registry.lock.release()


def _after_fork_in_child() -> None:
    _registry.lock = threading.RLock()
    for store in _registry.live():
        store.after_fork_in_child()


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
