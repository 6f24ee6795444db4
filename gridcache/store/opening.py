"""Opening: making a store, joining one, and sharing it within a process.

LMDB allows one environment per file and process, so all caches of a process on
one store share one `NodeStore`, counted here. How a store is made is `making`.
"""

import errno
import logging
import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from gridcache.errors import GridCacheError, StoreAccessError, StoreFormatError
from gridcache.store import recovery
from gridcache.store.access import AccessTable
from gridcache.store.arena import Arena
from gridcache.store.claims import Claims
from gridcache.store.clients import Clients
from gridcache.store.entries import Books
from gridcache.store.evictor import Evictor
from gridcache.store.gone import Gone
from gridcache.store.index import Index
from gridcache.store.layout import Superblock, read_superblock
from gridcache.store.making import make_if_absent
from gridcache.store.node_store import NodeStore
from gridcache.store.parts import Parts
from gridcache.store.retirement import Retirement
from gridcache.store.salvage import salvage

__all__ = ["close_store", "open_store"]

_STALL_TIMEOUT_S = 2.0
_logger = logging.getLogger("gridcache")


class _Registry:
    """The stores this process has open."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.stores: dict[tuple[int, int], tuple[NodeStore, int]] = {}
        self.forking: list[NodeStore] = []
        """Those that are ready for the fork under way."""

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
    with _registry.lock, _said_clearly(directory):
        make_if_absent(directory, capacity_nbytes, durable=durable)
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


@contextmanager
def _said_clearly(directory: Path) -> Iterator[None]:
    """Errors of the file system as ours, with the cure."""
    try:
        yield
    except GridCacheError:
        raise
    except (NotADirectoryError, FileExistsError) as error:
        message = f"cannot make a store at {directory}: {error.filename} is a file"
        raise StoreFormatError(message, path=str(directory)) from error
    except OSError as error:
        if error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
            raise
        message = (
            f"cannot read or write {error.filename or directory}: {error.strerror}; "
            f"use a directory of your own (path= or GRIDCACHE_DIRECTORY)"
        )
        raise StoreAccessError(message, path=str(directory)) from error


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
    with ExitStack() as undo:
        clients = Clients(directory)
        undo.callback(clients.close)
        row = clients.claim()
        undo.callback(row.leave)
        clients.check_namespaces(row)
        row.introduce()
        alone = block.on_disk and recovery.prepare(directory, block, clients, row)
        access = AccessTable(directory / "access")
        undo.callback(access.close)
        index = Index(
            directory,
            on_disk=block.on_disk,
            stall_timeout_s=stall_timeout_s,
            writer_pid=lambda: access.writer,
            set_writer_pid=lambda pid: setattr(access, "writer", pid),
        )
        undo.callback(index.close)
        arena = Arena(directory / "arena")
        undo.callback(arena.close)
        parts = _assemble(block, clients, row, access, index, arena)
        if alone:
            recovery.adopt(parts)
        else:
            reap_row(parts)
        store = NodeStore(parts)
        undo.pop_all()
        return store


def _assemble(block, clients, row, access, index, arena) -> Parts:  # type: ignore[no-untyped-def]  # noqa: ANN001
    directory = clients.path.parent
    books = Books(access, sealed=block.on_disk)
    gone = Gone(directory / "gone")
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
    _registry.forking = [store for store in _registry.live() if _prepared(store)]


def _prepared(store: NodeStore) -> bool:
    """Hold a store's transactions off; False if it is beyond that.

    A store whose directory was removed while it was open. A fork must go on, and the
    lock above must be given back, whatever state a store is in.
    """
    try:
        store.before_fork()
    except Exception:
        _logger.debug("%s is not ready for a fork", store.directory, exc_info=True)
        return False
    return True


def _after_fork_in_parent() -> None:
    for store in _registry.forking:
        store.after_fork_in_parent()
    _registry.forking = []
    _registry.lock.release()


def _after_fork_in_child() -> None:
    _registry.lock = threading.RLock()
    for store in _registry.forking:
        store.after_fork_in_child()
    _registry.forking = []


os.register_at_fork(
    before=_before_fork,
    after_in_parent=_after_fork_in_parent,
    after_in_child=_after_fork_in_child,
)
