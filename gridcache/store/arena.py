"""Arena: the file that holds the bytes of a store. The only one to touch memory.

Covers positional writes and reads (no mapping, so no resident pages for the
writer) and read-only mappings for views. Does not know which ranges are in use:
the allocator says so, inside the index's transaction.
"""

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.codec.frames import align
from gridcache.store.files import PAGE, close_file, open_private, reserve_file

__all__ = ["Arena"]

_BATCH = 1024
"""Buffers per system call: IOV_MAX on Linux and macOS."""
_PADDING = memoryview(bytes(64))
_CHUNK = 1 << 30
"""Bytes per read call; the kernel stops at 2 GiB - 4 KiB."""
_OWN_ALIGNMENT = 64


class Arena:
    """One process's hold on the arena file.

    Parameters
    ----------
    path
        The file; created empty if absent.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: Any = open_private(path)
        self._mapping: mmap.mmap | None = None
        self._mapped = 0

    @property
    def nbytes(self) -> int:
        """Length of the file."""
        return os.fstat(self._fd).st_size

    def reserve(self, nbytes: int) -> None:
        """Make the file at least `nbytes` long; raises `OutOfSpaceError`."""
        reserve_file(self._fd, nbytes, self.path)

    def truncate(self, nbytes: int) -> None:
        """Give the memory past `nbytes` back; the caller has emptied it."""
        os.ftruncate(self._fd, nbytes)

    def write(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Write buffers end to end from `offset`, each padded to the alignment."""
        pieces: list[memoryview] = []
        for buffer in buffers:
            pieces.append(buffer)
            gap = align(buffer.nbytes) - buffer.nbytes
            if gap:
                pieces.append(_PADDING[:gap])
        if pieces and pieces[-1].obj is _PADDING.obj:
            pieces.pop()  # nothing follows the last buffer
        for start in range(0, len(pieces), _BATCH):
            offset = self._write_batch(offset, pieces[start : start + _BATCH])

    def write_packed(self, offset: int, buffers: Sequence[memoryview]) -> None:
        """Write buffers end to end, with nothing in between."""
        pieces = [buffer for buffer in buffers if buffer.nbytes]
        for start in range(0, len(pieces), _BATCH):
            offset = self._write_batch(offset, pieces[start : start + _BATCH])

    def write_one(self, offset: int, data: bytes | memoryview) -> None:
        """Write one buffer."""
        if os.pwrite(self._fd, data, offset) != len(data):
            self.write(offset, (memoryview(data),))

    def _write_batch(self, offset: int, pieces: list[memoryview]) -> int:
        while pieces:
            written = os.pwritev(self._fd, pieces, offset)
            offset += written
            while pieces and written >= pieces[0].nbytes:
                written -= pieces.pop(0).nbytes
            if written:
                pieces[0] = pieces[0][written:]
        return offset

    def read(self, offset: int, nbytes: int) -> bytes:
        """Copy a range; shorter than `nbytes` if the file ends before."""
        if nbytes <= _CHUNK:
            return os.pread(self._fd, nbytes, offset)
        into = bytearray(nbytes)
        return bytes(into[: self.read_into(offset, memoryview(into))])

    def read_own(self, offset: int, nbytes: int) -> memoryview:
        """Copy a range into writable memory that begins at a multiple of 64."""
        # Not a bytearray, which is zeroed first.
        memory = np.empty(nbytes + _OWN_ALIGNMENT, np.uint8)
        start = -memory.__array_interface__["data"][0] % _OWN_ALIGNMENT
        into = memory[start : start + nbytes].data
        return into[: self.read_into(offset, into)]

    def read_into(self, offset: int, into: memoryview) -> int:
        """Fill `into` from `offset`; returns the bytes read."""
        done = 0
        while done < into.nbytes:
            count = os.preadv(self._fd, [into[done : done + _CHUNK]], offset + done)
            if not count:
                break
            done += count
        return done

    def view(self, offset: int, nbytes: int) -> NDArray[np.uint8]:
        """Map a range read-only; the mapping lives as long as the array."""
        mapping = self._mapping
        if mapping is None or offset + nbytes > self._mapped:
            mapping = self._map()
        return np.frombuffer(mapping, dtype=np.uint8, count=nbytes, offset=offset)

    def fileno(self) -> int:
        """The descriptor, for sending bytes from the file."""
        return int(self._fd)

    def map_range(self, offset: int, nbytes: int) -> tuple[mmap.mmap, int]:
        """A writable mapping of a range alone, and where in it the range begins."""
        start = offset & -mmap.ALLOCATIONGRANULARITY
        length = offset + nbytes - start
        mapping = mmap.mmap(self._fd, length, access=mmap.ACCESS_WRITE, offset=start)
        return mapping, offset - start

    def _map(self) -> mmap.mmap:
        # Old mappings stay alive through the arrays that view them.
        size = os.fstat(self._fd).st_size
        self._mapping = mmap.mmap(self._fd, size, access=mmap.ACCESS_READ)
        self._mapped = size
        return self._mapping

    def forget(self, offset: int, nbytes: int) -> None:
        """Take whole pages of a range off this process's resident size."""
        start = (offset + PAGE - 1) & -PAGE
        length = ((offset + nbytes) & -PAGE) - start
        if self._mapping is not None and length > 0 and start + length <= self._mapped:
            self._mapping.madvise(mmap.MADV_DONTNEED, start, length)

    def sync(self) -> None:
        """Bring every byte written so far to the disk."""
        _fdatasync(self._fd)

    def close(self) -> None:
        """Close the file; views stay valid."""
        self._fd = close_file(self._fd)
        self._mapping = None


_fdatasync: Any = getattr(os, "fdatasync", os.fsync)
