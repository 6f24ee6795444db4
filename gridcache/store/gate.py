"""The writers' timed gate, before LMDB's own mutex.

LMDB's mutex is robust against death but has no timeout: a writer stopped
(SIGSTOP) inside a transaction would block all others without Ctrl-C. So writers
pass this gate first. It is a lock among threads, then a lock on an open file,
dropped by the kernel at death, tried without blocking until the time is up.

A signal handler may raise (Ctrl-C) at the very entry of `__exit__`, before its
first line. Then the gate stays held by a call that has ended, a *forgotten*
gate; whoever meets it next sees that on the holder's stack and takes it over.
"""

import fcntl
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from gridcache.errors import ClosedError, GridCacheError, StoreStalledError
from gridcache.store.files import open_private

__all__ = ["WriterGate"]

_FIRST_PAUSE_S = 20e-6
_LONGEST_PAUSE_S = 1e-3


class WriterGate:
    """One writer at a time, over threads and processes; a context manager.

    Parameters
    ----------
    path
        The gate's file.
    timeout_s
        How long to wait before `StoreStalledError`.
    holder
        Tells the pid of the present writer, 0 if unknown.
    """

    def __init__(self, path: Path, timeout_s: float, holder: Callable[[], int]) -> None:
        self._path = path
        self.timeout_s = timeout_s
        self._holder = holder
        # A reentrant lock because it alone knows its owner, without a window
        # between taking it and noting whose it is.
        self._threads = threading.RLock()
        self._repairing = threading.Lock()
        self._owner = 0
        self._frame: FrameType | None = None
        """Of the call that holds the gate, to see whether it still runs."""
        self._held = False
        self._fd = open_private(path)

    def __enter__(self) -> None:
        deadline = time.monotonic() + self.timeout_s
        caller = sys._getframe(1)
        if self._is_mine():
            self._take_over_or_refuse(caller)
        try:
            if not self._threads.acquire(blocking=False):
                self._wait_for_threads(deadline)
            self._owner = threading.get_ident()
            self._frame = caller
            self._lock(deadline)
        except BaseException:
            if self._is_mine():
                self._let_thread_go()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            if self._fd >= 0:
                fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._let_thread_go()

    def hold(self) -> None:
        """Keep this process's other threads out, and no other process.

        For a fork or a close: neither must wait for a process that stands.
        """
        if self._is_mine():
            message = "a fork or a close inside a store call of the same thread"
            raise GridCacheError(message)
        while not self._threads.acquire(timeout=self.timeout_s):
            self._repair()
        self._held = True

    def let_go(self) -> None:
        """End `hold`; does nothing if it failed."""
        if self._held:
            self._held = False
            self._threads.release()

    # -- among threads -----------------------------------------------------

    def _is_mine(self) -> bool:
        return self._threads._is_owned()  # type: ignore[attr-defined, no-any-return]

    def _let_thread_go(self) -> None:
        self._owner = 0
        self._frame = None
        self._threads.release()

    def _wait_for_threads(self, deadline: float) -> None:
        while True:
            left = max(deadline - time.monotonic(), 0.0)
            if self._threads.acquire(timeout=left):
                return
            if not self._repair():
                raise self._stalled(self._holder() or os.getpid())

    def _take_over_or_refuse(self, caller: FrameType | None) -> None:
        """Our thread has the gate already: forgotten, or a call in a call."""
        if self._held or self._runs_in(caller):
            message = "a store call inside a store call of the same thread (a signal?)"
            raise GridCacheError(message)
        self._let_thread_go()

    def _repair(self) -> bool:
        """Replace the lock if another thread forgot it; False if none did."""
        with self._repairing:
            owner, frame = self._owner, self._frame
            if not owner or frame is None:
                return False  # someone is passing right now
            if self._runs_in(sys._current_frames().get(owner)):
                return False
            if self._owner != owner or self._frame is not frame:
                return False
            self._frame = None
            self._threads = threading.RLock()
            return True

    def _runs_in(self, frame: FrameType | None) -> bool:
        """True if the call that holds the gate, or one passing it, is on a stack."""
        while frame is not None:
            if frame is self._frame or frame.f_code in _PASSING:
                return True
            frame = frame.f_back
        return False

    # -- among processes ---------------------------------------------------

    def _lock(self, deadline: float) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait(deadline)
        except ValueError as error:
            message = "the store is closed; open it again"
            raise ClosedError(message) from error

    def _wait(self, deadline: float) -> None:
        pause_s = _FIRST_PAUSE_S
        while True:
            time.sleep(pause_s)
            try:
                fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise self._stalled(self._holder()) from None
                pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
            else:
                return

    def _stalled(self, pid: int) -> StoreStalledError:
        who = f"process {pid}" if pid else "another process"
        message = (
            f"{who} has held the store's writer for {self.timeout_s:g} s without "
            f"moving; continue it (kill -CONT {pid}) or end it (kill -9 {pid}): "
            f"nothing is lost. Reads go on"
        )
        return StoreStalledError(message, pid=pid)

    # -- life --------------------------------------------------------------

    def reopen(self) -> None:
        """After a fork, in the child: a lock of its own instead of the parent's."""
        self._threads, self._repairing = threading.RLock(), threading.Lock()
        self._owner, self._frame, self._held = 0, None, False
        os.close(self._fd)
        self._fd = open_private(self._path)

    def close(self) -> None:
        """Close the file; idempotent."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


_PASSING = {
    WriterGate.__enter__.__code__,
    WriterGate.__exit__.__code__,
}
