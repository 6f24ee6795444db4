"""Statistics of a cache: its namespace's and its store's, and as one line."""

from dataclasses import dataclass

from gridcache.store.outcome import NamespaceStats, StoreStats
from gridcache.units import format_bytes

__all__ = ["CacheStats", "TierStats"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TierStats:
    """The spill ladder below the memory of a grid's nodes; counts since they began."""

    demoted_entries: int = 0
    """That left memory for the disk."""
    demoted_nbytes: int = 0
    promoted_entries: int = 0
    """That came back from the disk when they were used."""
    promoted_nbytes: int = 0
    moved_entries: int = 0
    """That left memory for that of another node."""
    moved_nbytes: int = 0
    forgone_entries: int = 0
    """That were let go: computing them anew is sooner than bringing them back."""
    forgone_nbytes: int = 0
    disk_entries: int = 0
    """On the disks now, copies of what is in memory, too."""
    disk_nbytes: int = 0
    disk_capacity_nbytes: int = 0
    node_latency_s: float = 0.0
    """As measured from this node, as is what follows."""
    node_nbytes_per_s: float = 0.0
    disk_latency_s: float = 0.0
    disk_nbytes_per_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counters and sizes of a cache's namespace and of its store."""

    namespace: NamespaceStats
    store: StoreStats
    served_by: str = ""
    """The grid that serves it, if one does."""
    tier: TierStats | None = None
    """What lies below memory; None where there is nothing."""

    def __str__(self) -> str:
        store = self.store
        kept = "on disk" if store.on_disk else "kept until reboot or `grid rm-store`"
        kept = self.served_by or kept
        return (
            f"{self.namespace.entries} keys, {format_bytes(store.directory_nbytes)} of "
            f"{format_bytes(store.capacity_nbytes)} taken ({kept}), "
            f"hit {self.namespace.hit_ratio:.0%}"
        )

    def _repr_html_(self) -> str:
        from gridcache.notebook.html import stats_html  # noqa: PLC0415 - on display

        return stats_html(self)
