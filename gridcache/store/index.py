"""Index: the tables of a store in LMDB, and the transactions on them.

Covers opening (with the size the file has, never the caller's), growth, read
and write transactions, stale readers, and fork. Does not know what records
mean. LMDB's traps, each with its test:

- A reader killed in a transaction keeps old pages: `reader_check` on a timer
  and before giving up on a full map.
- An environment does not survive a fork: it is closed before and opened again
  by whoever uses it next, so that no child ever frees its parent's reader slot.
- A file grown by `posix_fallocate` cannot SIGBUS; `ftruncate` alone can.
"""

import os
import threading
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import lmdb

from gridcache.errors import (
    ClosedError,
    OutOfSpaceError,
    StoreFormatError,
    StoreStalledError,
)
from gridcache.store.files import PAGE, back_file, open_private, reserve_file
from gridcache.store.gate import WriterGate
from gridcache.store.layout import READERS
from gridcache.store.state import State
from gridcache.store.transaction import (
    STATE_KEY,
    Known,
    Tables,
    WriteTxn,
    open_table,
)

__all__ = ["RESERVE_PAGES", "Index", "IndexFullError"]

T = TypeVar("T")
RESERVE_PAGES = 64
"""Kept free: a transaction cannot reuse the pages it frees itself."""


class IndexFullError(Exception):
    """Private to the store: the map is full, evict or grow, then try again."""


class Index:
    """One process's hold on the index. At most one per file and process."""

    def __init__(
        self,
        directory: Path,
        *,
        on_disk: bool,
        stall_timeout_s: float,
        writer_pid: Callable[[], int],
        set_writer_pid: Callable[[int], None],
    ) -> None:
        self._directory = directory
        self._data = directory / "data.mdb"
        self._on_disk = on_disk
        self._set_writer_pid = set_writer_pid
        self._pid = os.getpid()
        self.gate = WriterGate(directory / "gate", stall_timeout_s, writer_pid)
        self._reading = threading.RLock()
        self._env: lmdb.Environment | None = None
        self._closed = False
        self._known: Known | None = None
        self.tables: Tables
        self.writes = 0
        """Write transactions of this process so far."""

    # -- opening -----------------------------------------------------------

    def create(self, nbytes: int, state: State) -> None:
        """Make the file; LMDB refuses a preallocated one, so it grows after."""
        env = self._open_environment(nbytes)
        self._reserve(nbytes)
        back_file(self._data)  # LMDB made it as long, but sparse
        state.index_nbytes = nbytes
        with env.begin(write=True) as txn:
            txn.put(STATE_KEY, state.pack(), db=self.tables.meta)

    def _open_environment(self, nbytes: int) -> lmdb.Environment:
        try:
            return self._try_open(nbytes)
        except (lmdb.InvalidError, lmdb.CorruptedError, lmdb.VersionMismatchError) as e:
            message = (
                f"the index of {self._directory} is damaged ({e}); remove the store: "
                f"grid rm-store {self._directory}"
            )
            raise StoreFormatError(message, path=str(self._directory)) from e

    def _try_open(self, nbytes: int) -> lmdb.Environment:
        env = lmdb.open(
            str(self._directory),
            map_size=nbytes,
            max_dbs=len(fields(Tables)),
            max_readers=READERS,
            writemap=not self._on_disk,
            sync=False,
            metasync=False,
            mode=0o600,
            lib_version=0,  # the format of LMDB 0.9, whatever the environment says
        )
        self.tables = Tables(*(open_table(env, field.name) for field in fields(Tables)))
        self._entries = self.tables.entries
        self._env = env
        return env

    def _ready(self) -> lmdb.Environment:
        """The environment, opened if need be. Must hold `_reading`."""
        if self._env is not None:
            return self._env
        if self._closed:
            message = "the store is closed; open it again"
            raise ClosedError(message)
        return self._open_environment(self._data.stat().st_size)

    def _reserve(self, nbytes: int) -> None:
        fd = open_private(self._data)
        try:
            reserve_file(fd, nbytes, self._data)
        finally:
            os.close(fd)

    # -- transactions ------------------------------------------------------

    def get(self, key: bytes) -> bytes | None:
        """An entry's record. The hot path: one read transaction, no writer."""
        try:
            with self._reading:
                env = self._env
                if env is not None:
                    txn = env.begin(self._entries)
                    record: Any = txn.get(key)
                    txn.abort()
        except (lmdb.MapResizedError, lmdb.ReadersFullError):
            self._recover_reader()
            return self.get(key)
        if env is None:
            return self._with_environment(lambda _: self.get(key))
        return record  # type: ignore[no-any-return]

    def snapshot(self, work: Callable[[WriteTxn], T]) -> T:
        """Run `work` on a consistent picture; it must be quick and not write."""

        def read(env: lmdb.Environment) -> T:
            txn = env.begin()
            try:
                return work(WriteTxn(txn, self.tables))
            finally:
                txn.abort()

        try:
            return self._with_environment(read)
        except (lmdb.MapResizedError, lmdb.ReadersFullError):
            self._recover_reader()
            return self.snapshot(work)

    def _with_environment(self, use: Callable[[lmdb.Environment], T]) -> T:
        """Use the environment; no fork closes it meanwhile.

        Opening goes through the gate: naming the tables is a write, which may
        have to wait for another process, and for how long must have an end.
        """
        while True:
            with self._reading:
                if self._env is not None:
                    return use(self._env)
            with self.gate, self._reading:
                self._ready()

    def transact(self, work: Callable[[WriteTxn], T]) -> T:
        """Run `work` in a write transaction and commit; all or nothing.

        `work` may run again after the map was resized by somebody else.

        Raises
        ------
        IndexFullError
            No page left, also after stale readers were dropped.
        StoreStalledError
            Another process stands in the way.
        """
        with self.gate:
            self.writes += 1
            self._set_writer_pid(self._pid)
            try:
                return self._attempt(work)
            except lmdb.MapFullError:
                return self._after_full(work)
            finally:
                self._set_writer_pid(0)

    def _attempt(self, work: Callable[[WriteTxn], T]) -> T:
        env = self._env
        if env is None:
            with self._reading:
                env = self._ready()
        try:
            txn = env.begin(write=True)
        except lmdb.MapResizedError:
            self._adopt_size()
            txn = env.begin(write=True)
        try:
            number, known = txn.id(), self._known
            self._known = None
            if known is not None and known.number + 1 != number:
                known = None  # somebody else has written
            write = WriteTxn(txn, self.tables, known)
            result = work(write)
            packed = write.state.pack()
            changed = packed != write.packed
            if changed:
                txn.put(STATE_KEY, packed, db=self.tables.meta)
            txn.commit()
        except BaseException:
            txn.abort()
            raise
        if changed:  # else LMDB may give the number again
            self._known = Known(number, packed, write.state, write.accounts)
        for step in write.after:
            step()
        return result

    def _after_full(self, work: Callable[[WriteTxn], T]) -> T:
        self.drop_dead_readers()
        try:
            return self._attempt(work)
        except lmdb.MapFullError as error:
            raise IndexFullError from error

    # -- size --------------------------------------------------------------

    @property
    def nbytes(self) -> int:
        """Length of the file."""
        return self._data.stat().st_size

    def near_full(self) -> bool:
        """True if the pages in use come near the map's end."""
        info = self._with_environment(lambda env: env.info())
        pages = info["map_size"] // PAGE
        reserve = max(RESERVE_PAGES, min(pages >> 3, 4 * RESERVE_PAGES))
        if info["last_pgno"] + 1 + reserve <= pages:
            return False  # there are pages never used
        return self.used_nbytes() // PAGE + reserve > pages

    def used_nbytes(self) -> int:
        """Bytes of pages in use by the tables."""

        def count(txn: WriteTxn) -> int:
            pages = 0
            for field in fields(Tables):
                stat = txn.txn.stat(getattr(txn.tables, field.name))
                pages += stat["branch_pages"] + stat["leaf_pages"]
                pages += stat["overflow_pages"]
            return pages * PAGE

        return self.snapshot(count)

    def state(self) -> State:
        """The counters as they are now; a copy."""
        return self.snapshot(lambda txn: txn.state)

    def entries(self) -> int:
        """How many entries there are."""
        return int(
            self.snapshot(lambda txn: txn.txn.stat(txn.tables.entries)["entries"])
        )

    def grow(self, nbytes: int) -> None:
        """Make the map `nbytes` long; the caller has seen to the capacity.

        No transaction of this process may be open: both locks are taken.
        """
        with self.gate, self._reading:
            if nbytes > self.nbytes:
                self._reserve(nbytes)
                self._ready().set_mapsize(nbytes)

    def _adopt_size(self) -> None:
        """See a size that another process published. Must hold the gate."""
        with self._reading:
            if self._env is not None:
                self._env.set_mapsize(self.nbytes)

    def _recover_reader(self) -> None:
        def recover(env: lmdb.Environment) -> None:
            env.reader_check()
            if self.nbytes > env.info()["map_size"]:
                env.set_mapsize(self.nbytes)

        self._with_environment(recover)

    # -- readers -----------------------------------------------------------

    def drop_dead_readers(self) -> int:
        """Free the reader slots of dead processes; returns how many."""
        return int(self._with_environment(lambda env: env.reader_check()))

    def reading(self) -> frozenset[tuple[str, ...]]:
        """(pid, thread, transaction) of every read under way."""
        text = self._with_environment(lambda env: env.readers())
        rows = (tuple(line.split()) for line in text.splitlines()[1:])
        return frozenset(row for row in rows if row[-1] != "-")

    def full_error(
        self, readers: frozenset[tuple[str, ...]] = frozenset()
    ) -> OutOfSpaceError | StoreStalledError:
        """What to raise when eviction and growth did not help.

        Parameters
        ----------
        readers
            Who was inside a read when the trouble began: who still is, in the
            same one, keeps old pages.
        """
        stuck = {int(row[0]) for row in readers & self.reading()} - {self._pid}
        if stuck:
            message = (
                f"the index is full: process {min(stuck)} stands inside a read and "
                f"keeps old pages; continue it (kill -CONT) or end it (kill -9)"
            )
            return StoreStalledError(message, pid=min(stuck))
        return OutOfSpaceError(
            "the index is full and nothing may be evicted; delete keys or resize"
        )

    def sync(self) -> None:
        """Bring all commits so far to the disk."""
        self._with_environment(lambda env: env.sync(True))

    # -- life --------------------------------------------------------------

    def before_fork(self) -> None:
        """Wait for this process's transactions, hold others off, close."""
        self.gate.hold()
        self._reading.acquire()
        self._close_environment()

    def after_fork_in_parent(self) -> None:
        """Let transactions go on."""
        self._reading.release()
        self.gate.let_go()

    def after_fork_in_child(self) -> None:
        """Locks of its own; the environment opens at the next use."""
        self._reading = threading.RLock()
        self._pid = os.getpid()
        self.gate.reopen()

    def _close_environment(self) -> None:
        if self._env is not None:
            self._env.close()
            self._env = self._known = None

    def close(self) -> None:
        """Close once this process's transactions are over; idempotent."""
        self.gate.hold()
        try:
            with self._reading:
                self._close_environment()
                self._closed = True
        finally:
            self.gate.let_go()
            self.gate.close()
