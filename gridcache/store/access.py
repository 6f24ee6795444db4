"""Access records: recency and frequency per slot, shared, written without a lock.

A lost update costs nothing: readers store whole words and every word stands for
itself. A slot carries 32 bits of its entry's generation, checked before a touch,
so that a late touch does not warm a slot's next owner.

Recency is a *tick* of a logical clock that counts accesses of the whole store:
exact within a process, immune to clock changes, valid across restarts.

One record is three words::

    tick | generation:32 frequency:16 namespace:16 | units:32 cost:16 flags:16
"""

import mmap
import os
import threading
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gridcache.store.files import close_file, open_private, reserve_file

__all__ = ["COMPRESSIBLE", "HELD", "INLINE", "RECORD", "USED", "AccessTable"]

RECORD = np.dtype(
    [
        ("tick", "<u8"),
        ("generation", "<u4"),
        ("frequency", "<u2"),
        ("namespace", "<u2"),
        ("units", "<u4"),
        ("cost", "<f2"),
        ("flags", "<u2"),
    ]
)
USED = 1
"""The slot belongs to an entry."""
HELD = 2
"""Pinned by the user: no candidate for eviction."""
COMPRESSIBLE = 4
"""Stored raw, large enough, and not yet found incompressible."""
INLINE = 8
"""The entry has no extent: evicting it frees index pages only."""

_HEADER_WORDS = 8
_WORDS = 3
_PACK = Struct("<IHHIeH")
_GENERATION = 0xFFFFFFFF
_ONE_HIT = 1 << 32
_FREQUENCY = 0xFFFF << 32


class AccessTable:
    """One process's mapping of the `access` file.

    Words of the header: 0 the clock, 1 the pid of the present writer, 2 the clock
    when frequencies were last halved, 3 the number of reuses of extents.
    """

    STEP = 1024
    """Slots by which the file grows."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd: Any = open_private(path)
        self._growing = threading.Lock()
        self.slots = 0
        self._map()

    @staticmethod
    def nbytes(slots: int) -> int:
        """Length of a file for so many slots."""
        return _HEADER_WORDS * 8 + slots * RECORD.itemsize

    def grow(self, slots: int) -> None:
        """Make room for `slots`; the caller holds the index's write transaction."""
        reserve_file(self._fd, self.nbytes(slots), self.path)
        self._map()

    def _map(self) -> None:
        size = os.fstat(self._fd).st_size
        if size < self.nbytes(0):
            self.slots = 0
            return
        self._mapping = mmap.mmap(self._fd, size)
        usable = size - size % 8
        self.words = memoryview(self._mapping)[:usable].cast("Q")
        self.slots = (size - self.nbytes(0)) // RECORD.itemsize

    def _reach(self, slot: int) -> bool:
        """See a slot that another process added; False if there is none."""
        if slot >= self.slots:
            with self._growing:
                self._map()
        return slot < self.slots

    def note_reuse(self) -> None:
        """Say that bytes of once live extents are about to be overwritten.

        Called behind the writer's gate, after the removal was committed and
        before the first byte is written: see `Reader`.
        """
        self.words[3] += 1

    def tick(self) -> int:
        """Advance the clock."""
        words = self.words
        now = words[0] + 1
        words[0] = now
        return now

    def touch(self, slot: int, generation: int) -> None:
        """Note a use; does nothing if the slot has another owner by now."""
        if slot >= self.slots and not self._reach(slot):
            return
        words = self.words
        at = _HEADER_WORDS + slot * _WORDS
        word = words[at + 1]
        if (word ^ generation) & _GENERATION:
            return
        now = words[0] + 1
        words[0] = now
        words[at] = now
        if (word & _FREQUENCY) != _FREQUENCY:
            words[at + 1] = word + _ONE_HIT

    def unchanged(self, slot: int, generation: int, tick: int) -> bool:
        """True if the slot's entry was neither used nor replaced since `tick`."""
        at = _HEADER_WORDS + slot * _WORDS
        return bool(
            self.words[at] == tick
            and not (self.words[at + 1] ^ generation) & _GENERATION
        )

    def claim(
        self,
        slot: int,
        generation: int,
        namespace: int,
        units: int,
        cost_s: float,
        flags: int,
    ) -> None:
        """Give a slot to an entry; the caller holds the write transaction."""
        self._reach(slot)
        at = _HEADER_WORDS + slot * _WORDS
        start = at * 8
        _PACK.pack_into(
            self._mapping,
            start + 8,
            generation & _GENERATION,
            1,
            namespace,
            units,
            min(cost_s, 65504.0),  # the largest half float
            flags | USED,
        )
        self.words[at] = self.tick()

    def release(self, slot: int, generation: int) -> None:
        """Take a slot from its entry, unless another has it by now."""
        if not self._reach(slot):
            return
        at = _HEADER_WORDS + slot * _WORDS
        if not (self.words[at + 1] ^ generation) & _GENERATION:
            self.words[at + 1] = 0
            self.words[at + 2] = 0

    def set_flags(self, slot: int, add: int, remove: int) -> None:
        """Change flags of a slot."""
        if self._reach(slot):
            at = _HEADER_WORDS + slot * _WORDS + 2
            word = self.words[at]
            flags = ((word >> 48) | add) & ~remove & 0xFFFF
            self.words[at] = (word & ((1 << 48) - 1)) | (flags << 48)

    def set_units(self, slot: int, units: int) -> None:
        """Change what a slot's entry takes."""
        if self._reach(slot):
            at = _HEADER_WORDS + slot * _WORDS + 2
            self.words[at] = (self.words[at] & ~0xFFFFFFFF) | units

    def frequency(self, slot: int) -> int:
        """Uses of the slot's entry, 1 for its put; aged."""
        if not self._reach(slot):
            return 0
        word = self.words[_HEADER_WORDS + slot * _WORDS + 1]
        return (word >> 32) & 0xFFFF

    def records(self) -> NDArray[np.void]:
        """All records as they are now, for policies: a live view, not a copy."""
        if os.fstat(self._fd).st_size > self.nbytes(self.slots):
            self._reach(self.slots)
        return np.frombuffer(
            self._mapping, dtype=RECORD, offset=_HEADER_WORDS * 8, count=self.slots
        )

    @property
    def writer(self) -> int:
        """Pid of the process inside a write transaction, 0 for none."""
        return self.words[1]

    @writer.setter
    def writer(self, pid: int) -> None:
        self.words[1] = pid

    def close(self) -> None:
        """Close the file; the mapping goes with its last user."""
        self._fd = close_file(self._fd)
