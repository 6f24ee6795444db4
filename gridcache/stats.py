"""Statistics of a cache: its namespace's and its store's, and as one line."""

from dataclasses import dataclass

from gridcache.store.outcome import NamespaceStats, StoreStats
from gridcache.units import format_bytes

__all__ = ["CacheStats"]


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Counters and sizes of a cache's namespace and of its store."""

    namespace: NamespaceStats
    store: StoreStats
    served_by: str = ""
    """The grid that serves it, if one does."""

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
