"""Compressor: cold values give room before anything is evicted.

Under `compression="auto"` values are stored raw while there is room, since raw
arrays are viewed without a copy. When room runs short, the colder half of what
still is raw is compressed, coldest first, each value once: what does not pay is
marked and not looked at again. Only when that is done does eviction begin.

The bytes are compressed outside any transaction, written to a new extent, and
the entry is pointed there if it still is the same. Recency and generation stay.
"""

from contextlib import suppress

import numpy as np

from gridcache.codec import Frames, compress
from gridcache.errors import GridCacheError
from gridcache.store.access import COMPRESSIBLE, HELD, INLINE, USED
from gridcache.store.allocator import largest_free
from gridcache.store.claims import Reservation
from gridcache.store.eviction.queue import Candidate
from gridcache.store.namespaces import Namespace
from gridcache.store.outcome import Miss
from gridcache.store.parts import Parts
from gridcache.store.reader import Reader
from gridcache.store.records import Entry
from gridcache.store.relief import Relief
from gridcache.store.transaction import WriteTxn
from gridcache.store.writer import Writer

__all__ = ["Compressor"]

_HEADROOM = 32
"""A thirtysecond of the arena is kept free: the compressed copy needs a place
while the raw one is still there."""
_COLD = 0.5
"""Heat above which values stay raw."""
_LOOK_EVERY = 16
_LARGE = 256 << 10
"""Bytes of a put that looks for room ahead each time."""
_REST_SHARE = 64
_MOST = 16
"""Values compressed for one put."""
_SHRINK_MOST = 1024
"""Values compressed in one go by who does nothing else."""


class Compressor:
    """Compression of cold values by one process, as it puts."""

    def __init__(
        self, parts: Parts, relief: Relief, reader: Reader, writer: Writer
    ) -> None:
        self._parts = parts
        self._relief = relief
        self._reader = reader
        self._writer = writer
        self._idle_until = 0
        """Tick of the access clock."""

    def make_headroom(self, nbytes: int) -> None:
        """See that `nbytes` will find room, at the cost of raw cold values.

        Does nothing while there is room.
        """
        if self._parts.access.words[0] < self._idle_until:
            return
        writes = self._parts.index.writes
        if not self._relief.crowded and nbytes < _LARGE and writes % _LOOK_EVERY:
            return
        with suppress(GridCacheError):  # the put itself says what is in the way
            for _ in range(_MOST):
                if self._has_room(nbytes):
                    return
                if self._compress_one() is None:
                    self._rest()
                    return

    def shrink(self, nbytes: int) -> int:
        """Compress raw cold values ahead of need, until so many bytes are won.

        Returns the bytes won: less if nothing cold is raw any more.
        """
        won = 0
        for _ in range(_SHRINK_MOST):
            if won >= nbytes:
                break
            more = self._compress_one()
            if more is None:
                break
            won += more
        return won

    def _rest(self) -> None:
        """Nothing cold is raw: look again when a share of all was used."""
        access = self._parts.access
        self._idle_until = access.words[0] + max(access.slots // _REST_SHARE, 1)

    def _has_room(self, nbytes: int) -> bool:
        """True if a range is long enough and the headroom is kept."""
        unused = self._relief.room.unused()
        above = unused[1] if unused else 0

        def look(txn: WriteTxn) -> bool:
            state = txn.state
            headroom = state.arena_nbytes // _HEADROOM
            if state.free_nbytes + above < headroom + nbytes:
                return False
            return nbytes <= max(above, largest_free(txn))

        return self._parts.index.snapshot(look)

    def _compress_one(self) -> int | None:
        """Compress the coldest raw value; returns the bytes won, None if none."""
        for space in self._parts.index.snapshot(self._parts.evictor.victims)[:1]:
            candidate = self._coldest_raw(space)
            if candidate is not None:
                return self._compress(candidate)
        return None

    def _coldest_raw(self, space: Namespace) -> Candidate | None:
        if space.compression != "auto":
            return None
        evictor = self._parts.evictor
        queue = evictor.queue(space, require=USED | COMPRESSIBLE, refuse=HELD | INLINE)
        candidate = queue.pop()
        if candidate is None:
            return None
        heat = evictor.arena_queue(space).heat(np.array([candidate.slot]))
        if heat[0] > _COLD:
            queue.put_back(candidate)
            return None
        return candidate

    def _compress(self, candidate: Candidate) -> int:
        """Bytes won; 0 if it does not pay or the entry is another by now."""
        self._parts.access.set_flags(candidate.slot, 0, COMPRESSIBLE)
        key, entry = self._parts.index.snapshot(
            lambda txn: self._look_up(txn, candidate.slot)
        )
        if entry is None or entry.inline:
            return 0
        hit = self._reader.get(key, entry.long_key, count=False)
        if isinstance(hit, Miss) or hit.generation != entry.generation:
            return 0
        frames = compress(hit.header, hit.body)
        return 0 if frames is None else self._replace(key, entry, frames)

    def _look_up(self, txn: WriteTxn, slot: int) -> tuple[bytes, Entry | None]:
        key = self._parts.books.key_of(txn, slot)
        return (b"", None) if key is None else (key, self._parts.books.find(txn, key))

    def _replace(self, key: bytes, old: Entry, frames: Frames) -> int:
        new = self._writer.reframed(key, old, frames)
        try:
            # Without a free place one of the compressed, which are colder, gives
            # its own: a put would have to evict it anyway.
            free = self._relief.reserve_free(new.extent_nbytes)
            reservation = free or self._relief.reserve(new.extent_nbytes)
            new.offset = reservation.offset
            checksum = self._writer.write(new, frames)
            won = self._relief.index.transact(
                lambda txn: self._commit(txn, key, (old, new), reservation, checksum)
            )
        finally:
            self._parts.claims.abort_leftover()
        return won

    def _commit(
        self,
        txn: WriteTxn,
        key: bytes,
        versions: tuple[Entry, Entry],
        reservation: Reservation,
        checksum: int,
    ) -> int:
        old, new = versions
        found = self._parts.books.find(txn, key)
        if found != old:
            return 0  # changed or moved meanwhile: the reservation is given back
        self._parts.claims.settle(txn, reservation)
        with self._parts.books.charge(txn, int.from_bytes(key[:2], "big")) as account:
            self._parts.books.reframe(txn, key, (old, new), account)
        self._parts.retirement.retire(txn, key, old, superseded=True)
        if self._parts.superblock.on_disk:
            self._writer.write_head(key, new, checksum)
        return old.extent_nbytes - new.extent_nbytes
