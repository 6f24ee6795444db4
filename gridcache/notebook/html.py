"""Statistics as HTML for notebooks: pure functions from a report to text.

Inline styles alone, no script, no class, no colour that a dark theme would hide:
what GitHub and every notebook front end shows. Names and paths are the user's text
and are escaped.
"""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Protocol

from gridcache.store.outcome import NamespaceStats, StoreStats
from gridcache.units import format_bytes, format_duration

__all__ = ["Stats", "cache_html", "namespace_html", "stats_html", "store_html"]

BOX = (
    "border:1px solid color-mix(in srgb, currentColor 30%, transparent);"
    "border-radius:4px;padding:6px 10px;display:inline-block;min-width:22em"
)
CELL = "text-align:left;padding:1px 12px 1px 0;border:none;background:none"
BAR = (
    "height:6px;margin:4px 0;border-radius:3px;overflow:hidden;"
    "background:color-mix(in srgb, currentColor 15%, transparent)"
)
FILL = "height:6px;background:currentColor;opacity:0.6"
DIM = "opacity:0.7"


class Stats(Protocol):
    """What `GridCache.stats()` returns, as far as it is shown."""

    @property
    def namespace(self) -> NamespaceStats:
        """Of the cache itself."""

    @property
    def store(self) -> StoreStats:
        """Of the store it lies in."""


def cache_html(stats: Stats) -> str:
    """One cache: its namespace open, the store and its other namespaces folded."""
    own = stats.namespace
    others = [n for n in stats.store.namespaces if n.namespace != own.namespace]
    return (
        f'<div style="{BOX}">'
        f"<div><b>GridCache</b> {escape(repr(own.namespace))}</div>"
        f"{_bar(stats.store.directory_nbytes, stats.store.capacity_nbytes)}"
        f"{_table(_namespace_rows(own))}"
        f"{_folded('store', _table(_store_rows(stats.store)))}"
        f"{''.join(map(namespace_html, others))}</div>"
    )


def stats_html(stats: Stats) -> str:
    """Statistics of a cache, which look as the cache itself."""
    return cache_html(stats)


def store_html(store: StoreStats) -> str:
    """One store, its namespaces folded."""
    return (
        f'<div style="{BOX}"><div><b>Store</b> {escape(store.path)}</div>'
        f"{_bar(store.directory_nbytes, store.capacity_nbytes)}"
        f"{_table(_store_rows(store))}"
        f"{''.join(map(namespace_html, store.namespaces))}</div>"
    )


def namespace_html(stats: NamespaceStats) -> str:
    """One namespace, folded to one line."""
    return _folded(
        f"namespace {stats.namespace!r}: {stats.entries:,} keys, "
        f"{format_bytes(stats.stored_nbytes)}, hit {stats.hit_ratio:.0%}",
        _table(_namespace_rows(stats)),
    )


def _namespace_rows(stats: NamespaceStats) -> list[tuple[str, str]]:
    quota = stats.quota_nbytes
    rows = [
        ("keys", f"{stats.entries:,}"),
        ("stored", _of(stats.stored_nbytes, stats.raw_nbytes, "for values of")),
        ("hits", f"{stats.hits:,} ({stats.hit_ratio:.1%} of look-ups)"),
        ("misses", _counts(stats.misses)),
        ("evictions", _counts(stats.evictions)),
        ("time saved", format_duration(stats.saved_s)),
        ("policy", stats.policy),
    ]
    return rows + ([("quota", format_bytes(quota))] if quota is not None else [])


def _store_rows(store: StoreStats) -> list[tuple[str, str]]:
    kind = "on disk, durable" if store.durable else "on disk"
    return [
        ("path", store.path),
        (
            "lies",
            kind if store.on_disk else "in memory, until it is removed or a reboot",
        ),
        ("taken", _of(store.directory_nbytes, store.capacity_nbytes)),
        ("free for values", format_bytes(store.free_nbytes)),
        ("index", _of(store.index_used_nbytes, store.index_nbytes)),
        ("processes", f"{store.clients:,}"),
    ]


def _of(part_nbytes: int, whole_nbytes: int, word: str = "of") -> str:
    return f"{format_bytes(part_nbytes)} {word} {format_bytes(whole_nbytes)}"


def _counts(counts: Mapping[str, int]) -> str:
    text = ", ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in counts.items())
    return text or "none"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = (
        f'<tr style="background:none"><td style="{CELL};{DIM}">{escape(name)}</td>'
        f'<td style="{CELL}">{escape(value)}</td></tr>'
        for name, value in rows
    )
    body = "".join(lines)
    return f'<table style="border-collapse:collapse;margin:0">{body}</table>'


def _bar(taken_nbytes: int, capacity_nbytes: int) -> str:
    share = min(1.0, taken_nbytes / capacity_nbytes) if capacity_nbytes else 0.0
    title = _of(taken_nbytes, capacity_nbytes)
    fill = f'<div style="{FILL};width:{share:.1%}"></div>'
    return f'<div style="{BAR}" title="{title}">{fill}</div>'


def _folded(summary: str, content: str) -> str:
    return (
        f'<details><summary style="cursor:pointer">{escape(summary)}</summary>'
        f'<div style="margin:0 0 4px 1.2em">{content}</div></details>'
    )
