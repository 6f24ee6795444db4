"""Gone: why keys are no longer there. A fixed table that forgets.

A key's fingerprint names a bucket; in it the departures stand in order, and a new
one pushes the oldest out. So the table never grows, costs two moves of a few
hundred bytes per eviction, and an unlucky pair of keys does not lose a reason. It
is advice for `explain` and the statistics, never part of a decision; a reader in
the middle of a move finds nothing, or what it looks for.
"""

import mmap
import os
import time
from pathlib import Path
from struct import Struct

import xxhash

from gridcache.store.files import open_private, reserve_file, round_pages
from gridcache.store.outcome import Miss, MissReason

__all__ = ["Gone"]

_ROW = Struct("<QIIQ")
_BUCKET = 16 * _ROW.size
_FINGERPRINT = Struct("<Q")
_REASONS = tuple(MissReason)
_NEVER = Miss(MissReason.NEVER_STORED)


class Gone:
    """One process's mapping of the `gone` file."""

    def __init__(self, path: Path) -> None:
        fd = open_private(path)
        try:
            size = os.fstat(fd).st_size
            self._mapping = mmap.mmap(fd, size)
        finally:
            os.close(fd)
        self._buckets = size // _BUCKET

    @staticmethod
    def nbytes(capacity_nbytes: int) -> int:
        """Length of the file for a capacity: 1/512 of it, 4 KiB to 1 MiB."""
        return round_pages(min(max(capacity_nbytes >> 9, 4096), 1 << 20))

    @staticmethod
    def create(path: Path, capacity_nbytes: int) -> None:
        """Make an empty table."""
        fd = open_private(path)
        try:
            reserve_file(fd, Gone.nbytes(capacity_nbytes), path)
        finally:
            os.close(fd)

    def note(self, key: bytes, reason: MissReason, need_nbytes: int = 0) -> None:
        """Remember why an entry key goes; the caller is the only writer."""
        fingerprint, start, at = self._find(key)
        last = start + _BUCKET - _ROW.size if at is None else at
        self._mapping.move(start + _ROW.size, start, last - start)
        code, now = _REASONS.index(reason), int(time.time())
        _ROW.pack_into(self._mapping, start, fingerprint, code, now, need_nbytes)

    def look_up(self, key: bytes) -> Miss:
        """Why an entry key is missing, as far as remembered."""
        fingerprint, _, at = self._find(key)
        if at is None:
            return _NEVER
        found, code, when, need = _ROW.unpack_from(self._mapping, at)
        if found != fingerprint or code >= len(_REASONS):
            return _NEVER
        return Miss(_REASONS[code], float(when), need)

    def _find(self, key: bytes) -> tuple[int, int, int | None]:
        """The fingerprint, where its bucket starts, and where its row is."""
        fingerprint = xxhash.xxh3_64_intdigest(key)
        start = fingerprint % self._buckets * _BUCKET
        wanted = _FINGERPRINT.pack(fingerprint)
        at = self._mapping.find(wanted, start, start + _BUCKET)
        while at >= 0 and (at - start) % _ROW.size:
            at = self._mapping.find(wanted, at + 1, start + _BUCKET)
        return fingerprint, start, at if at >= 0 else None
