"""Parts of an open store, handed to whoever needs them."""

from dataclasses import dataclass, field
from pathlib import Path

from gridcache.store.access import AccessTable
from gridcache.store.arena import Arena
from gridcache.store.claims import Claims
from gridcache.store.clients import ClientRow, Clients
from gridcache.store.entries import Books
from gridcache.store.evictor import Evictor
from gridcache.store.gone import Gone
from gridcache.store.index import Index
from gridcache.store.layout import Superblock
from gridcache.store.outcome import MissReason
from gridcache.store.retirement import Retirement
from gridcache.store.statistics import Counters

__all__ = ["Parts"]


@dataclass(slots=True)
class Parts:
    """One process's hold on a store."""

    directory: Path
    superblock: Superblock
    index: Index
    arena: Arena
    access: AccessTable
    clients: Clients
    row: ClientRow
    gone: Gone
    books: Books
    evictor: Evictor
    claims: Claims
    retirement: Retirement
    counters: dict[int, Counters] = field(default_factory=dict)
    """By namespace id, not yet merged."""

    def count(self, namespace_id: int) -> Counters:
        """What this process counted of a namespace."""
        counters = self.counters.get(namespace_id)
        if counters is None:
            counters = self.counters.setdefault(namespace_id, Counters())
        return counters

    def note_gone(
        self, key: bytes, reason: MissReason, need_nbytes: int = 0, cause: str = ""
    ) -> None:
        """Remember why an entry went, and count it if it was evicted."""
        self.gone.note(key, reason, need_nbytes)
        if cause:
            self.count(int.from_bytes(key[:2], "big")).evictions[cause] += 1
