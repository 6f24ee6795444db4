"""The writers' timed gate, before LMDB's own mutex.

LMDB's mutex is robust against death but has no timeout: a writer stopped
(SIGSTOP) inside a transaction would block all others without Ctrl-C. So writers
pass this gate first. It is a lock on an open file, dropped by the kernel at
death, tried without blocking until the time is up.
"""

import fcntl
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

from gridcache.errors import GridCacheError, StoreStalledError
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
        self._timeout_s = timeout_s
        self._holder = holder
        self._threads = threading.Lock()
        self._owner = 0
        self._fd = open_private(path)

    def __enter__(self) -> None:
        me = threading.get_ident()
        if self._owner == me:
            message = "a store call inside a store call of the same thread (a signal?)"
            raise GridCacheError(message)
        if not self._threads.acquire(timeout=self._timeout_s):
            raise self._stalled(os.getpid())
        try:
            self._owner = me
            self._lock()
        except BaseException:
            self._owner = 0
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_UN)
        finally:
            self._owner = 0
            self._threads.release()

    def _lock(self) -> None:
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._wait()

    def _wait(self) -> None:
        deadline = time.monotonic() + self._timeout_s
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
            f"{who} has held the store's writer for {self._timeout_s:g} s without "
            f"moving; continue it (kill -CONT {pid}) or end it (kill -9 {pid}): "
            f"nothing is lost. Reads go on"
        )
        return StoreStalledError(message, pid=pid)

    def reopen(self) -> None:
        """After a fork, in the child: a lock of its own instead of the parent's."""
        self._threads = threading.Lock()
        self._owner = 0
        os.close(self._fd)
        self._fd = open_private(self._path)

    def close(self) -> None:
        """Close the file."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
