"""Durability: what is acknowledged has been synced; many callers share a sync.

Group commit. A caller that has committed needs a sync that begins after its
commit. The first one leads and syncs for all who came before it began; those who
come meanwhile wait, and one of them leads the next. So the number of syncs
follows the disk's speed, not the number of puts.

Syncs the arena first, then the index: see `docs/explain/durability.md`.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from gridcache.store.arena import Arena
from gridcache.store.disk import amend_head, find_head
from gridcache.store.records import Entry

__all__ = ["GroupCommit", "amend_extent", "sync_store"]

_sync_file: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)
"""Bring a file's bytes and length to the disk; macOS has only `fsync`."""


def sync_store(directory: Path) -> None:
    """Bring everything written to a store so far to the disk, by any process.

    By descriptors of its own: no lock of the index is held meanwhile.
    """
    for name in ("arena", "data.mdb"):
        fd = os.open(directory / name, os.O_RDONLY | os.O_CLOEXEC)
        try:
            _sync_file(fd)
        finally:
            os.close(fd)


def amend_extent(arena: Arena, entry: Entry) -> None:
    """Let the head of an entry's extent have its pin and expiry, for a rebuild."""
    head = find_head(arena.read, entry.offset)
    if head is not None and head.generation == entry.generation:
        changed = amend_head(head, entry.expires, pinned=entry.pinned)
        arena.write_one(entry.offset, changed)


class GroupCommit:
    """Shared syncs of one process; safe for threads.

    Parameters
    ----------
    sync
        Brings everything written so far to the disk; raises `OSError` if that
        fails. Never called by two threads at once.
    """

    def __init__(self, sync: Callable[[], Any]) -> None:
        self._sync = sync
        self._batches = threading.local()
        self.after_fork()

    def after_fork(self) -> None:
        """In the child: nobody leads here."""
        self._changed = threading.Condition()
        self._begun = 0
        self._ended = 0
        """The last sync that went well; all before it are covered."""
        self._leader = 0
        """The thread that syncs now, 0 for none."""
        self._failure: OSError | None = None

    def acknowledge(self) -> None:
        """Return when a sync that began after this call has ended.

        Inside a `batch` at once: the batch's end does it.

        Raises
        ------
        OSError
            The disk failed, now or before. What was not yet acknowledged may be
            lost, and no later sync can tell: the kernel forgets what it could not
            write. Only opening the store anew ends this.
        """
        if getattr(self._batches, "depth", 0):
            self._batches.pending = True
            return
        self.sync_now()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let this thread's calls share one sync, at the end of the block."""
        batches = self._batches
        batches.depth = getattr(batches, "depth", 0) + 1
        try:
            yield
        finally:
            batches.depth -= 1
            if not batches.depth and getattr(batches, "pending", False):
                batches.pending = False
                self.sync_now()

    def sync_now(self) -> None:
        """Return when a sync that began after this call has ended; no batching."""
        me = threading.get_ident()
        done = False
        try:
            if not self._wait_or_lead(me):
                return
            self._sync()
            done = True
        except OSError as error:
            self._failure = self._failure or error
            raise
        finally:
            self._hand_over(me, done=done)

    def _wait_or_lead(self, me: int) -> bool:
        """False once somebody else's sync covers the caller; True to lead one."""
        with self._changed:
            wanted = self._begun + 1
            while self._ended < wanted:
                self._refuse_after_failure()
                if not self._leader:
                    self._leader = me
                    self._begun += 1
                    return True
                self._changed.wait()
            return False

    def _hand_over(self, me: int, *, done: bool) -> None:
        # Also after an interruption anywhere: nobody must wait for a leader that
        # left. What it began counts only if it went well.
        with self._changed:
            if self._leader == me:
                self._leader = 0
                if done:
                    self._ended = self._begun
                self._changed.notify_all()

    def _refuse_after_failure(self) -> None:
        if self._failure is not None:
            message = "the disk failed to sync the store; open it again"
            raise OSError(self._failure.errno, message) from self._failure
