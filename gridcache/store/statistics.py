"""Counters of this process, added to the store's now and then.

A look-up counts in memory; the housekeeping, `stats()` and `close()` bring the
counts into the index. A killed process loses at most a second of them.
"""

from struct import Struct

from gridcache.store.outcome import MissReason
from gridcache.store.transaction import WriteTxn

__all__ = ["EVICTION_CAUSES", "Counters", "load_counters", "merge_counters"]

EVICTION_CAUSES = ("space", "quota", "index", "expired")
_MISSES = tuple(MissReason)
_PACK = Struct(f"<{4 + len(_MISSES) + len(EVICTION_CAUSES)}Qd")


class Counters:
    """Counts of one namespace."""

    __slots__ = (
        "deletes",
        "evictions",
        "hits",
        "misses",
        "private_copies",
        "puts",
        "saved_s",
    )

    def __init__(self) -> None:
        self.hits = 0
        self.puts = 0
        self.deletes = 0
        self.private_copies = 0
        self.saved_s = 0.0
        self.misses = dict.fromkeys(_MISSES, 0)
        self.evictions = dict.fromkeys(EVICTION_CAUSES, 0)

    def pack(self) -> bytes:
        """For the index."""
        return _PACK.pack(
            self.hits,
            self.puts,
            self.deletes,
            self.private_copies,
            *self.misses.values(),
            *self.evictions.values(),
            self.saved_s,
        )

    @classmethod
    def unpack(cls, packed: bytes) -> "Counters":
        """Read what `pack` made."""
        counters = cls()
        values = _PACK.unpack(packed)
        counters.hits, counters.puts, counters.deletes = values[:3]
        counters.private_copies, counters.saved_s = values[3], values[-1]
        misses = values[4 : 4 + len(_MISSES)]
        evictions = values[4 + len(_MISSES) : -1]
        counters.misses = dict(zip(_MISSES, misses, strict=True))
        counters.evictions = dict(zip(EVICTION_CAUSES, evictions, strict=True))
        return counters

    def add(self, other: "Counters") -> None:
        """Add another's counts."""
        self.hits += other.hits
        self.puts += other.puts
        self.deletes += other.deletes
        self.private_copies += other.private_copies
        self.saved_s += other.saved_s
        for reason, count in other.misses.items():
            self.misses[reason] += count
        for cause, count in other.evictions.items():
            self.evictions[cause] += count


def load_counters(txn: WriteTxn, namespace_id: int) -> Counters:
    """The counts of all processes, as last merged."""
    packed = txn.get(namespace_id.to_bytes(2, "big"), db=txn.tables.counters)
    return Counters.unpack(packed) if packed else Counters()


def merge_counters(txn: WriteTxn, pending: dict[int, Counters]) -> None:
    """Add this process's counts to the store's."""
    for namespace_id, counters in pending.items():
        total = load_counters(txn, namespace_id)
        total.add(counters)
        key = namespace_id.to_bytes(2, "big")
        txn.put(key, total.pack(), db=txn.tables.counters)
