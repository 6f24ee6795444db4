"""What a store answers: outcomes as types, reports as frozen records.

Covers the results of look-ups (`Hit`, `Miss`), of inspection (`EntryInfo`,
`Explanation`, `Lessee`), of accounting (`NamespaceStats`, `StoreStats`) and of
verification (`CheckReport`). All sizes are bytes, all times seconds; wall-clock
instants are seconds since the epoch.
"""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

__all__ = [
    "CheckReport",
    "EntryInfo",
    "Explanation",
    "Hit",
    "Lessee",
    "Miss",
    "MissReason",
    "NamespaceStats",
    "StoreStats",
]


class MissReason(StrEnum):
    """Why a key has no value. Append-only: programs compare with these texts."""

    NEVER_STORED = "never_stored"
    EVICTED = "evicted"
    EXPIRED = "expired"
    DELETED = "deleted"
    CORRUPT = "corrupt"
    NODE_LOST = "node_lost"


class Hit(NamedTuple):
    """An entry's frames as they were at one generation.

    A tuple: one is made at every get, and a frozen dataclass costs four times as
    much.
    """

    header: bytes
    """The frames' header."""
    body: memoryview
    """Read-only. A private copy, or a view whose exporter holds a lease."""
    generation: int
    """Of the store, never reused."""
    cost_s: float
    """Seconds the value took to compute; 0.0 where nobody said."""
    leased: bool
    """True if `body` is a view of the arena."""
    term: int = 0
    """The ownership it was written under, in a grid."""
    immutable: bool = False
    """Right wherever a copy of it lies."""


@dataclass(frozen=True, slots=True)
class Miss:
    """No value, and why."""

    reason: MissReason
    at: float = 0.0
    """When it went, seconds since the epoch; 0.0 if it never was."""
    need_nbytes: int = 0
    """For `evicted`: the size of the reservation that pushed it out."""


@dataclass(frozen=True, slots=True)
class Lessee:
    """A process that holds a view of an entry."""

    pid: int
    command: str
    leases: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class EntryInfo:
    """One entry, as stored."""

    key: str
    namespace: str
    raw_nbytes: int
    """Bytes of the value's buffers before compression."""
    stored_nbytes: int
    """Bytes taken in the store's data, rounded as allocated."""
    created: float
    """Seconds since the epoch."""
    expires: float | None
    """Seconds since the epoch, None for never."""
    hits: int
    """Aged: halved now and then under `lfu`."""
    cost_s: float
    pinned: bool
    compressed: bool
    inline: bool
    """True if the value lies in the index itself."""
    tags: tuple[str, ...]
    generation: int
    format: str
    """What the codec calls the value's encoding (`numpy`, `pickle`, ...)."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a key is present or not; `str()` of it is one paragraph for people."""

    key: str
    namespace: str
    present: bool
    reason: MissReason | None
    """None if present."""
    text: str
    info: EntryInfo | None = None
    at: float | None = None
    """When it was evicted, expired or deleted."""
    need_nbytes: int | None = None
    lessees: tuple[Lessee, ...] = ()
    near_keys: tuple[str, ...] = ()
    """Present keys that look alike, for typing errors."""

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class NamespaceStats:
    """Counters and sizes of one namespace over all processes."""

    namespace: str
    policy: str
    quota_nbytes: int | None
    entries: int = 0
    raw_nbytes: int = 0
    stored_nbytes: int = 0
    pinned_nbytes: int = 0
    hits: int = 0
    misses: dict[str, int] = field(default_factory=dict)
    """By `MissReason`."""
    evictions: dict[str, int] = field(default_factory=dict)
    """Entries by what made them go: `space`, `quota`, `index`, `expired`."""
    puts: int = 0
    deletes: int = 0
    private_copies: int = 0
    """Gets that wanted a view and were given a copy: over the lease cap."""
    saved_s: float = 0.0
    """Seconds of computing that hits saved."""

    @property
    def hit_ratio(self) -> float:
        """Hits per look-up, 0.0 before the first."""
        lookups = self.hits + sum(self.misses.values())
        return self.hits / lookups if lookups else 0.0

    @property
    def compression_ratio(self) -> float:
        """Raw over stored bytes; below 1.0 is rounding to the allocation unit."""
        return self.raw_nbytes / self.stored_nbytes if self.stored_nbytes else 1.0


@dataclass(frozen=True, slots=True)
class StoreStats:
    """One store: its sizes and its namespaces."""

    path: str
    capacity_nbytes: int
    arena_nbytes: int
    """Reserved for values so far; grows to its share of the capacity."""
    free_nbytes: int
    """Free inside the arena; not a promise that one value of it fits."""
    largest_free_nbytes: int
    retired_nbytes: int
    """Deleted but still viewed by someone."""
    index_nbytes: int
    index_used_nbytes: int
    directory_nbytes: int
    """Sum of the files' allocated sizes: what the bound holds."""
    clients: int
    reused_nbytes: int
    """Allocated from freed extents since the store was made."""
    fresh_nbytes: int
    """Allocated from memory never used before."""
    on_disk: bool
    durable: bool
    namespaces: tuple[NamespaceStats, ...] = ()
    blocks: int = 0
    """Memory blocks."""
    blocks_nbytes: int = 0
    """What they hold of the arena."""

    def namespace(self, name: str) -> NamespaceStats:
        """Statistics of one namespace; zeros if it does not exist."""
        for stats in self.namespaces:
            if stats.namespace == name:
                return stats
        return NamespaceStats(name, "lru", None)


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What `check()` found."""

    problems: tuple[str, ...]
    entries: int
    extents: int
    """Live, retired, reserved and free ones together."""

    @property
    def ok(self) -> bool:
        """True if nothing is wrong."""
        return not self.problems
