"""Clients: one row per process that has the store open, and its pins.

Glossary: a *lease* is a reader's hold on an extent. It is kept as a *pin*, the
extent's offset in a slot of the holder's row. A pin is one aligned store and no
call, so views of two processes do not queue for the index's writer.

Protocol (a hazard pointer). Reader: store the pin, fence, read the entry again;
the same record means that the lease holds. Who frees: remove the entry and
commit, then look at all pins; a pinned extent stays *retired* until they go.
Either the reader's second look sees the removal, or the pin is seen.

Liveness is a lock on `locks/<row>`, which the kernel drops when the last process
that shares the open file dies: pids are reused and differ between namespaces.
`flock` belongs to the open file like an OFD lock, and exists on macOS too.
"""

import fcntl
import mmap
import os
import sys
import threading
import time
import weakref
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from gridcache.errors import OutOfSpaceError, StoreAccessError
from gridcache.processes import pid_namespace
from gridcache.store.files import close_file, open_private, reserve_file

__all__ = ["ROW_NBYTES", "ClientRow", "Clients", "PinHolder", "Row"]

ROW_NBYTES = 8192
_WORDS = ROW_NBYTES // 8
_PID, _PID_NAMESPACE, _HEARTBEAT, _STARTED, _PIN_LIMIT = range(5)
_COMMAND_WORD, _COMMAND_NBYTES = 8, 192
_FIRST_PIN = 32
PINS = _WORDS - _FIRST_PIN
"""Leases one process can hold; beyond, gets return private copies."""
_MOST_ROWS = 4096


class PinHolder(Protocol):
    """Whoever ends a pin."""

    slot: int


class ClientRow:
    """The row of this process: heartbeat and pins."""

    def __init__(self, clients: "Clients", row: int, lock_fd: int) -> None:
        self.row = row
        self.lock_fd = lock_fd
        self._clients = clients
        self._base = row * _WORDS
        self._free: deque[int] = deque(range(PINS))
        self._fences = threading.local()
        self._left = self._frozen = False

    def introduce(self) -> None:
        """Write who holds the row."""
        words = self._clients.words
        words[self._base + _PID] = os.getpid()
        words[self._base + _PID_NAMESPACE] = pid_namespace()
        words[self._base + _STARTED] = time.time_ns()
        self._clients.write_command(self.row, _command())
        self.beat()

    def beat(self) -> None:
        """Say that this process moves."""
        self._clients.words[self._base + _HEARTBEAT] = time.monotonic_ns()

    def pin(self, offset: int, holder: "PinHolder") -> bool:
        """Store a pin and fence it; False if all are taken.

        The holder learns its slot before the pin is stored: an interruption
        anywhere after lets its finaliser clear it.
        """
        try:
            slot = holder.slot = self._free.popleft()
        except IndexError:
            return False
        words = self._clients.words
        if slot >= words[self._base + _PIN_LIMIT]:
            words[self._base + _PIN_LIMIT] = slot + 1
        words[self._base + _FIRST_PIN + slot] = offset | 1
        self._fence()
        return True

    def unpin(self, slot: int) -> None:
        """End a lease. One store and no lock: finalisers call this."""
        if not self._frozen:
            self._clients.words[self._base + _FIRST_PIN + slot] = 0
        self._free.appendleft(slot)
        if self._left and not self.pins_held:
            self._give_back()

    def leave(self) -> None:
        """Give the row back, as soon as no view needs it."""
        self._left = True
        if self.pins_held:
            _left_rows.add(self)
        else:
            self._give_back()

    def freeze(self) -> None:
        """Keep the leases as they are until all who share the row are done.

        For views of a closed store at a fork: parent and child have them, and
        neither knows when the other's are gone. They share the row's lock, too:
        the row counts as dead, and is reaped, when the last has let go of it.
        """
        self._frozen = True

    def _give_back(self) -> None:
        fd, self.lock_fd = self.lock_fd, -1
        if fd >= 0:
            if not self._frozen:
                self._clients.clear_pins(self.row)
            os.close(fd)

    def _fence(self) -> None:
        # Release then acquire, in this order, keeps the pin's store before the
        # read that follows, on x86 and on ARM.
        try:
            lock = self._fences.lock
        except AttributeError:
            lock = self._fences.lock = threading.Lock()
            lock.acquire()
        try:
            lock.release()
        except RuntimeError:  # interrupted between the two, last time
            lock.acquire()
            lock.release()
        lock.acquire()

    @property
    def started_ns(self) -> int:
        """When the row was taken; with its number it names this process for good."""
        return self._clients.started_ns(self.row)

    @property
    def pins_held(self) -> int:
        """Leases of this process."""
        if self._frozen:  # the words are for those who share the row
            return PINS - len(self._free)
        # Counted, not remembered: an interruption can lose a slot's number.
        first = self._base + _FIRST_PIN
        limit = self._clients.words[self._base + _PIN_LIMIT]
        return sum(map(bool, self._clients.words[first : first + limit].tolist()))

    def copy_pins_to(self, other: "ClientRow") -> None:
        """Let another row hold the same leases in the same slots."""
        words = self._clients.words
        first, limit = self._base + _FIRST_PIN, words[self._base + _PIN_LIMIT]
        target = other._base + _FIRST_PIN
        words[target : target + limit] = words[first : first + limit]
        words[other._base + _PIN_LIMIT] = limit
        words[other._base + _PID] = os.getpid()  # the child writes its own
        other._free = deque(self._free)

    def adopt_from(self, other: "ClientRow") -> None:
        """Become another row: after a fork the views of the child are kept there.

        Live views refer to this object and to slot numbers, both stay valid.
        """
        self.row, self.lock_fd, self._base = other.row, other.lock_fd, other._base
        self._free = deque(other._free)
        self._fences = threading.local()


_left_rows: "weakref.WeakSet[ClientRow]" = weakref.WeakSet()
"""Of closed stores, with views that live."""


def _freeze_left_rows() -> None:
    for row in list(_left_rows):
        row.freeze()


os.register_at_fork(before=_freeze_left_rows)


class Row:
    """Any client's row, to read."""

    def __init__(self, words: "memoryview[int]", row: int, command: str) -> None:
        base = row * _WORDS
        self.row = row
        self.pid = words[base + _PID]
        self.pid_namespace = words[base + _PID_NAMESPACE]
        self.heartbeat_s = words[base + _HEARTBEAT] / 1e9
        """CLOCK_MONOTONIC."""
        self.command = command
        first, limit = base + _FIRST_PIN, min(words[base + _PIN_LIMIT], PINS)
        self.pins = tuple(
            word & ~1 for word in words[first : first + limit].tolist() if word
        )


class Clients:
    """The table of rows."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "clients"
        self._locks = directory / "locks"
        self._fd: Any = open_private(self.path)
        self._map()

    def _map(self) -> None:
        size = os.fstat(self._fd).st_size
        self.rows = size // ROW_NBYTES
        if self.rows:
            self._mapping = mmap.mmap(self._fd, self.rows * ROW_NBYTES)
            self.words = memoryview(self._mapping).cast("Q")
            self._table = np.frombuffer(self._mapping, np.uint64).reshape(-1, _WORDS)

    def refresh(self) -> None:
        """See rows that others added."""
        if os.fstat(self._fd).st_size // ROW_NBYTES > self.rows:
            self._map()

    def claim(self) -> ClientRow:
        """Take the first row nobody alive holds; the table grows if need be.

        The row may hold pins of a dead client: they are cleared here.
        """
        for row in range(_MOST_ROWS):
            fd = self._try_lock(row)
            if fd is None:
                continue
            self._ensure(row)
            self.clear_pins(row)
            return ClientRow(self, row, fd)
        message = f"{_MOST_ROWS} processes have this store open; close some"
        raise OutOfSpaceError(message, rows=_MOST_ROWS)

    def _try_lock(self, row: int) -> int | None:
        fd = open_private(self._locks / str(row))
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        return fd

    def _ensure(self, row: int) -> None:
        if row >= self.rows:
            reserve_file(self._fd, (row + 1) * ROW_NBYTES, self.path)
            self._map()

    def clear_pins(self, row: int) -> None:
        """Forget a row's owner and leases; the caller holds the row's lock."""
        start = row * ROW_NBYTES
        self._mapping[start : start + ROW_NBYTES] = bytes(ROW_NBYTES)

    def dead_rows(self) -> Iterator[tuple[int, int]]:
        """Rows with an owner that lives no more, each with its lock held.

        The caller clears the row and closes the descriptor.
        """
        self.refresh()
        for row in range(self.rows):
            if self.words[row * _WORDS + _PID]:
                fd = self._try_lock(row)
                if fd is not None:
                    yield row, fd

    def alive(self, row: int) -> bool:
        """True if some process holds the row."""
        fd = self._try_lock(row)
        if fd is None:
            return True
        os.close(fd)
        return False

    def started_ns(self, row: int) -> int:
        """When the row's owner took it; 0 if it has none."""
        self.refresh()
        return self.words[row * _WORDS + _STARTED] if row < self.rows else 0

    def heartbeat_s(self, row: int) -> float:
        """When the row's owner last moved, CLOCK_MONOTONIC."""
        return self.words[row * _WORDS + _HEARTBEAT] / 1e9

    def visible_pid(self, row: int) -> int:
        """Pid of the row's owner; 0 if it lives in another pid namespace."""
        base = row * _WORDS
        if self.words[base + _PID_NAMESPACE] != pid_namespace():
            return 0
        return self.words[base + _PID]

    def read(self) -> list[Row]:
        """All rows with an owner."""
        self.refresh()
        return [
            Row(self.words, row, self._command(row))
            for row in range(self.rows)
            if self.words[row * _WORDS + _PID]
        ]

    def pinned_offsets(self) -> set[int]:
        """Offsets of every leased extent. Look only after the commit."""
        self.refresh()
        limits = self._table[:, _PIN_LIMIT]
        if not limits.any():
            return set()
        found = set[int]()
        for row in np.flatnonzero(limits):
            end = _FIRST_PIN + min(int(limits[row]), PINS)
            found.update(self._table[row, _FIRST_PIN:end].tolist())
        found.discard(0)
        return {word & ~1 for word in found}

    def check_namespaces(self, mine: ClientRow) -> None:
        """Refuse equal pids of two pid namespaces: LMDB's readers are keyed by pid.

        Raises
        ------
        StoreAccessError
            Another namespace's process with our pid has the store open.
        """
        here, pid = pid_namespace(), os.getpid()
        for row in self.read():
            if row.row != mine.row and row.pid == pid and row.pid_namespace != here:
                message = (
                    f"process {pid} of another pid namespace (container) has this "
                    f"store open; share the pid namespace (--pid=host) or use "
                    f"another path="
                )
                raise StoreAccessError(message, pid=pid)

    def write_command(self, row: int, command: str) -> None:
        """Note what the process runs, for people."""
        start = row * ROW_NBYTES + _COMMAND_WORD * 8
        text = command.encode(errors="replace")[: _COMMAND_NBYTES - 1]
        self._mapping[start : start + _COMMAND_NBYTES] = text.ljust(
            _COMMAND_NBYTES, b"\0"
        )

    def _command(self, row: int) -> str:
        start = row * ROW_NBYTES + _COMMAND_WORD * 8
        raw = self._mapping[start : start + _COMMAND_NBYTES]
        return raw.split(b"\0", 1)[0].decode(errors="replace")

    def close(self) -> None:
        """Close the file; rows keep their locks."""
        self._fd = close_file(self._fd)


def _command() -> str:
    return " ".join(sys.argv) or sys.executable
