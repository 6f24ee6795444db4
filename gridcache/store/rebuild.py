"""Rebuild: a new index for a store on disk, from the heads in its arena.

The last generation of each key comes back with tags, expiry, pin and cost; what
is not taken is voided, so that no later rebuild brings it back. The caller keeps
everybody else out. Dying in between leaves no index, and so begins anew.

Old and new index never stand beside each other: the bound on the directory
holds while this runs.
"""

import os
import shutil
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

import numpy as np

from gridcache.errors import OutOfSpaceError
from gridcache.store.access import RECORD, AccessTable
from gridcache.store.allocator import free
from gridcache.store.disk import VOID
from gridcache.store.entries import Books
from gridcache.store.files import PAGE, allocated_nbytes, open_private, reserve_file
from gridcache.store.index import Index, IndexFullError
from gridcache.store.layout import Superblock
from gridcache.store.marks import load_namespaces, sync_directory
from gridcache.store.namespaces import Namespace, add_namespace
from gridcache.store.room import index_step
from gridcache.store.scan import Found, read_found, scan_arena, survivors
from gridcache.store.state import State
from gridcache.store.transaction import WriteTxn

__all__ = ["rebuild_index", "start_empty"]

T = TypeVar("T")

_BATCH = 64
_INDEX_SHARE = 0.4
_GENERATION_BITS = 24
"""The counter of the lost index may have been further than any extent tells, so
it goes on from the clock's seconds: 16 million puts a second stay below it."""
_DRAFT = "rebuild"


def start_empty(directory: Path, block: Superblock) -> None:
    """Forget all entries; namespaces stay."""
    arena = directory / "arena"
    os.close(open_private(arena))
    os.truncate(arena, 0)
    build = _Rebuild(directory, block)
    build.run([])
    build.install()


def rebuild_index(directory: Path, block: Superblock, *, torn: bool) -> int:
    """Make the index anew from the arena; returns how many entries it has.

    Parameters
    ----------
    torn
        True after a power loss; see `scan_arena`.
    """
    arena = directory / "arena"
    os.close(open_private(arena))  # made empty if it is lost
    found, others = survivors(scan_arena(arena, torn=torn), torn=torn)
    now = time.time()
    kept = [one for one in found if not 0.0 < one.expires <= now]
    others += [one.offset for one in found if 0.0 < one.expires <= now]
    build = _Rebuild(directory, block)
    seen = max((one.generation for one in found), default=0)
    build.generation = max(build.generation, seen + (1 << _GENERATION_BITS))
    taken = build.run(kept)
    chosen = {one.offset for one in taken}
    others += [one.offset for one in kept if one.offset not in chosen]
    _void(arena, others, sync=block.durable)
    build.install()
    return len(taken)


def _void(arena: Path, offsets: Sequence[int], *, sync: bool) -> None:
    fd = open_private(arena)
    try:
        size = os.fstat(fd).st_size
        for offset in offsets:
            if offset < size:
                os.pwrite(fd, VOID, offset)
        if sync:
            os.fsync(fd)
    finally:
        os.close(fd)


class _Rebuild:
    """One new index under way, in a directory of its own."""

    def __init__(self, directory: Path, block: Superblock) -> None:
        self._directory = directory
        self._block = block
        self._draft = directory / _DRAFT
        self._step = index_step(block.capacity_nbytes)
        self.generation = int(time.time()) << _GENERATION_BITS
        for name in ("data.mdb", "lock.mdb"):
            (directory / name).unlink(missing_ok=True)
        sync_directory(directory)
        self._access = AccessTable(directory / "access")
        self._books = Books(self._access, sealed=True)

    def run(self, found: Sequence[Found]) -> Sequence[Found]:
        """Build from the newest of these that fit; returns those."""
        most = self._block.capacity_nbytes - self._others_nbytes() - self._step
        newest = sorted(
            (one for one in found if one.offset + one.nbytes <= most),
            key=lambda one: (one.pinned, one.generation),
            reverse=True,
        )
        while True:
            self._cut_arena(newest)
            try:
                self._build(newest)
            except IndexFullError:
                if not newest:
                    message = "the store has no room for an index; remove it"
                    raise OutOfSpaceError(message) from None
                newest = newest[: len(newest) * 9 // 10]
            else:
                return newest

    def _others_nbytes(self) -> int:
        """Bytes of all files but arena and index."""
        shutil.rmtree(self._draft, ignore_errors=True)
        arena = (self._directory / "arena").stat().st_size
        lock = 384 << 10  # LMDB's reader table, made with the index
        return allocated_nbytes(self._directory) - arena + lock + PAGE

    def _cut_arena(self, found: Sequence[Found]) -> None:
        top = max((one.offset + one.nbytes for one in found), default=0)
        path = self._directory / "arena"
        fd = open_private(path)
        try:
            nbytes = (top + PAGE - 1) & -PAGE
            if nbytes < os.fstat(fd).st_size:
                os.ftruncate(fd, nbytes)
            reserve_file(fd, nbytes, path)
        finally:
            os.close(fd)
        self._top, self._arena_nbytes = top, nbytes

    # -- building ----------------------------------------------------------

    def _build(self, found: Sequence[Found]) -> None:
        self._reset_access()
        self._index_most = min(
            int(self._block.capacity_nbytes * _INDEX_SHARE),
            self._block.capacity_nbytes - self._others_nbytes() - self._arena_nbytes,
        )
        self._draft.mkdir(mode=0o700)
        self._index = Index(
            self._draft,
            on_disk=True,
            stall_timeout_s=1.0,
            writer_pid=int,
            set_writer_pid=lambda _: None,
        )
        try:
            self._fill(found)
        finally:
            self._index.close()

    def _reset_access(self) -> None:
        self._access.records()[:] = np.zeros((), RECORD)
        self._access.words[0] = self._access.words[1] = self._access.words[2] = 0

    def _fill(self, found: Sequence[Found]) -> None:
        self._index.create(self._step, State(self._block.capacity_nbytes))
        spaces = _spaces(self._directory, found)
        self._apply(add_namespace, list(spaces.values()))
        by_key = sorted(found, key=lambda one: one.key)
        fd = os.open(self._directory / "arena", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._apply(lambda txn, one: self._insert(txn, fd, one, spaces), by_key)
        finally:
            os.close(fd)
        self._apply(lambda txn, gap: free(txn, *gap), _gaps(found))
        self._index.transact(self._set_state)

    def _apply(self, work: Callable[[WriteTxn, T], object], items: Sequence[T]) -> None:
        for start in range(0, len(items), _BATCH):
            self._apply_batch(work, items[start : start + _BATCH])
            if self._index.near_full() and not self._grow():
                raise IndexFullError

    def _apply_batch(
        self, work: Callable[[WriteTxn, T], object], batch: Sequence[T]
    ) -> None:
        def run(txn: WriteTxn) -> None:
            for item in batch:
                work(txn, item)

        try:
            self._index.transact(run)
        except IndexFullError:
            middle = len(batch) // 2
            if not middle and not self._grow():
                raise
            for half in (batch[:middle], batch[middle:]):
                self._apply_batch(work, half)

    def _insert(
        self, txn: WriteTxn, fd: int, one: Found, spaces: dict[int, Namespace]
    ) -> None:
        read = read_found(fd, one.offset)
        if read is None:
            return  # it was whole a moment ago: the disk is failing
        head, entry = read
        entry.slot = -1
        number = _namespace_id(one)
        with self._books.charge(txn, number) as account:
            compressible = spaces[number].compression == "auto"
            self._books.insert(txn, head.key, entry, account, compressible=compressible)

    def _grow(self) -> bool:
        wanted = self._index.nbytes + self._step
        if wanted > self._index_most:
            return False

        def announce(txn: WriteTxn) -> None:
            txn.state.index_nbytes = wanted

        self._index.transact(announce)
        self._index.grow(wanted)
        return True

    def _set_state(self, txn: WriteTxn) -> None:
        txn.state.generation = self.generation
        txn.state.top = self._top
        txn.state.arena_nbytes = self._arena_nbytes

    # -- the end -----------------------------------------------------------

    def install(self) -> None:
        """Put the finished index in place, in one step."""
        made = self._draft / "data.mdb"
        if self._block.durable:
            fd = open_private(made)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)
        made.replace(self._directory / "data.mdb")
        shutil.rmtree(self._draft)
        sync_directory(self._directory)
        self._access.close()


def _spaces(directory: Path, found: Sequence[Found]) -> dict[int, Namespace]:
    """The namespaces by id; one whose settings are lost gets a name."""
    spaces = {space.id: space for space in load_namespaces(directory)}
    for number in {_namespace_id(one) for one in found} - spaces.keys():
        spaces[number] = Namespace(f"recovered-{number}", number)
    return spaces


def _namespace_id(found: Found) -> int:
    return int.from_bytes(found.key[:2], "big")


def _gaps(found: Sequence[Found]) -> list[tuple[int, int]]:
    """(offset, nbytes) of what lies between extents."""
    gaps, end = [], 0
    for one in sorted(found, key=lambda one: one.offset):
        if one.offset > end:
            gaps.append((end, one.offset - end))
        end = one.offset + one.nbytes
    return gaps
