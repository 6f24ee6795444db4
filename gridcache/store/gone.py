"""Gone: why keys are no longer there. A fixed table that forgets.

Direct-mapped by the key's fingerprint: a newer departure overwrites an older one
in the same place, so the table never grows and costs one store per eviction. It
is advice for `explain` and the statistics, never part of a decision.
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
        self._rows = size // _ROW.size

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
        """Remember why an entry key goes."""
        fingerprint = xxhash.xxh3_64_intdigest(key)
        at = fingerprint % self._rows * _ROW.size
        code, now = _REASONS.index(reason), int(time.time())
        _ROW.pack_into(self._mapping, at, fingerprint, code, now, need_nbytes)

    def look_up(self, key: bytes) -> Miss:
        """Why an entry key is missing, as far as remembered."""
        fingerprint = xxhash.xxh3_64_intdigest(key)
        at = fingerprint % self._rows * _ROW.size
        found, code, when, need = _ROW.unpack_from(self._mapping, at)
        if found != fingerprint or code >= len(_REASONS):
            return _NEVER
        return Miss(_REASONS[code], float(when), need)
