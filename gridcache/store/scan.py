"""Scan: find the extents of a store on disk from the bytes of its arena alone.

Reads with positional reads, not through a mapping: a bad sector is an error to
catch there, and a signal that kills in a mapping.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import xxhash

from gridcache.codec.frames import ALIGNMENT
from gridcache.store.disk import HEAD_MAGIC, Head, find_head, unseal
from gridcache.store.files import PAGE
from gridcache.store.records import Entry, unpack_entry

__all__ = ["Found", "entry_of", "read_found", "scan_arena", "survivors"]

_CHUNK = 8 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """An extent with a whole head."""

    offset: int
    nbytes: int
    generation: int
    key: bytes
    pinned: bool
    expires: float
    """Seconds since the epoch, 0.0 for never."""
    whole: bool
    """The body has its checksum."""


def scan_arena(path: Path, *, torn: bool) -> Iterator[Found]:
    """Every extent that has a whole head, by offset.

    Parameters
    ----------
    torn
        True after a power loss: writes reached the disk in any order, so a head
        may stand over an extent that was given away in parts since. Otherwise
        what lies inside an extent is its value, whatever it looks like.
    """
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        magics = _Magics(fd)
        at = magics.find(0)
        while at < magics.size:
            found = _look(fd, at, magics.size)
            if found is not None:
                yield found
            skip = found is not None and (found.whole or not torn)
            at = magics.find(at + (found.nbytes if found and skip else ALIGNMENT))
    finally:
        os.close(fd)


class _Magics:
    """Where the heads of a file may begin, found in large reads."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self.size = os.fstat(fd).st_size
        self._start = 0
        self._chunk = b""

    def find(self, start: int) -> int:
        """The first aligned magic from `start` on; the size if there is none."""
        while start < self.size:
            if not self._start <= start < self._start + len(self._chunk):
                self._start, self._chunk = start, _read(self._fd, _CHUNK, start)
            at = self._chunk.find(HEAD_MAGIC, start - self._start)
            if at < 0:
                start = self._start + _CHUNK
            elif (self._start + at) % ALIGNMENT:
                start = (self._start + at + ALIGNMENT - 1) & -ALIGNMENT
            else:
                return self._start + at
        return self.size


def _look(fd: int, offset: int, size: int) -> Found | None:
    found = read_found(fd, offset)
    if found is None:
        return None
    head, entry = found
    end = offset + head.lead_nbytes + head.body_nbytes
    if end > size:
        return None
    whole = _checksum(fd, offset + head.nbytes, end) == head.checksum
    return Found(
        offset,
        entry.extent_nbytes,
        head.generation,
        head.key,
        entry.pinned,
        entry.expires,
        whole,
    )


def read_found(fd: int, offset: int) -> tuple[Head, Entry] | None:
    """The head at an offset and its entry; None if there is no whole one."""
    head = find_head(lambda start, nbytes: _read(fd, nbytes, start), offset)
    return None if head is None else (head, entry_of(head, offset))


def entry_of(head: Head, offset: int) -> Entry:
    """The entry that a head at an offset describes."""
    entry = unpack_entry(unseal(head.key, head.record))
    entry.offset = offset
    if head.amended is not None:
        entry.expires, entry.pinned = head.amended
    return entry


def _checksum(fd: int, start: int, end: int) -> int:
    state = xxhash.xxh3_64()
    while start < end and (piece := _read(fd, min(_CHUNK, end - start), start)):
        state.update(piece)
        start += len(piece)
    return state.intdigest() if start == end else -1


def _read(fd: int, nbytes: int, offset: int) -> bytes:
    """Read what can be read: a bad page comes as zeros, the rest is not lost."""
    try:
        return os.pread(fd, nbytes, offset)
    except OSError:
        if nbytes <= PAGE:
            return bytes(nbytes)
        half = (nbytes >> 1) & -PAGE or PAGE
        return _read(fd, half, offset) + _read(fd, nbytes - half, offset + half)


def survivors(found: Iterator[Found], *, torn: bool) -> tuple[list[Found], list[int]]:
    """The extents that hold the last value of their key, and all other offsets.

    A damaged last value is never replaced by an older one, unless a power loss
    explains it: then the older one is what was acknowledged.
    """
    best: dict[bytes, Found] = {}
    others: list[int] = []
    for one in found:
        if torn and not one.whole:
            others.append(one.offset)
            continue
        known = best.get(one.key)
        if known is None:
            best[one.key] = one
        elif _rank(one) > _rank(known):
            others.append(known.offset)
            best[one.key] = one
        else:
            others.append(one.offset)
    kept = [one for one in best.values() if one.whole]
    others += [one.offset for one in best.values() if not one.whole]
    return kept, others


def _rank(found: Found) -> tuple[int, bool]:
    # A moved extent leaves a copy of the same generation behind.
    return found.generation, found.whole
