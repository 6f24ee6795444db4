"""Statistics as sections: the store, then its namespaces."""

from operator import attrgetter
from typing import Protocol

from gridcache.cli.report import Column, Kind, Report, Section
from gridcache.store.outcome import NamespaceStats, StoreStats

__all__ = [
    "Stats",
    "brief_section",
    "namespace_section",
    "stats_report",
    "store_section",
]


class Stats(Protocol):
    """What `GridCache.stats()` returns, as far as it is shown."""

    @property
    def namespace(self) -> NamespaceStats:
        """Of the cache itself."""

    @property
    def store(self) -> StoreStats:
        """Of the store it lies in, with all namespaces."""


STORE = (
    Column("path"),
    Column("on_disk", Kind.FLAG),
    Column("durable", Kind.FLAG),
    Column("clients", Kind.COUNT, "processes"),
    Column("capacity_nbytes", Kind.BYTES),
    Column("directory_nbytes", Kind.BYTES, "taken (all files)"),
    Column("arena_nbytes", Kind.BYTES, "reserved for values"),
    Column("free_nbytes", Kind.BYTES, "free in there"),
    Column("largest_free_nbytes", Kind.BYTES, "largest free piece"),
    Column("retired_nbytes", Kind.BYTES, "deleted, still viewed"),
    Column("index_nbytes", Kind.BYTES, "index"),
    Column("index_used_nbytes", Kind.BYTES, "index in use"),
    Column("reused_nbytes", Kind.BYTES, "allocated from freed"),
    Column("fresh_nbytes", Kind.BYTES, "allocated from new"),
)

NAMESPACE = (
    Column("namespace"),
    Column("policy"),
    Column("quota_nbytes", Kind.BYTES),
    Column("entries", Kind.COUNT),
    Column("raw_nbytes", Kind.BYTES, "values", detail=True),
    Column("stored_nbytes", Kind.BYTES, "stored"),
    Column("pinned_nbytes", Kind.BYTES, detail=True),
    Column("compression_ratio", Kind.FACTOR, "compression", detail=True),
    Column("hits", Kind.COUNT),
    Column("hit_ratio", Kind.RATIO, "hit ratio"),
    Column("saved_s", Kind.SECONDS, "time saved"),
    Column("puts", Kind.COUNT, detail=True),
    Column("deletes", Kind.COUNT, detail=True),
    Column("private_copies", Kind.COUNT, "copies (lease cap)", detail=True),
    Column("misses", Kind.NAMES, detail=True),
    Column("evictions", Kind.NAMES, detail=True),
)


BRIEF = ("entries", "stored_nbytes", "hits", "hit_ratio", "puts", "saved_s", "misses")
"""Fields of a namespace that a first look needs."""


def brief_section(stats: Stats) -> Section:
    """Namespace and store on a few lines."""
    own = tuple(column for column in NAMESPACE if column.name in BRIEF)
    store = tuple(c for c in STORE if c.name in ("capacity_nbytes", "directory_nbytes"))
    row = (*_row(own, stats.namespace), *_row(store, stats.store))
    return Section("statistics", (*own, *store), [row], single=True)


def stats_report(store: StoreStats, name: str | None) -> Report:
    """Store and one namespace, or every namespace of the store."""
    spaces = store.namespaces if name is None else (store.namespace(name),)
    return Report((store_section(store), namespace_section(spaces)))


def store_section(store: StoreStats) -> Section:
    """One store as one record."""
    return Section("store", STORE, [_row(STORE, store)], single=True, title="Store")


def namespace_section(spaces: tuple[NamespaceStats, ...]) -> Section:
    """Namespaces as rows; for people a single one as a list of fields."""
    rows = [_row(NAMESPACE, space) for space in spaces]
    tall = len(rows) == 1
    title = "Namespace" if tall else "Namespaces"
    return Section("namespaces", NAMESPACE, rows, tall=tall, title=title)


def _row(columns: tuple[Column, ...], record: object) -> tuple[object, ...]:
    return tuple(attrgetter(column.name)(record) for column in columns)
