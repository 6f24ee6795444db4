"""Merging: reports of several nodes as one, and reports that came as JSON."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from gridcache.store.outcome import (
    EntryInfo,
    Explanation,
    Lessee,
    MissReason,
    NamespaceStats,
    StoreStats,
)

__all__ = ["explanation_from", "info_from", "merged_stats"]

_SIZES = (
    "capacity_nbytes",
    "arena_nbytes",
    "free_nbytes",
    "retired_nbytes",
    "index_nbytes",
    "index_used_nbytes",
    "directory_nbytes",
    "clients",
    "reused_nbytes",
    "fresh_nbytes",
    "blocks",
    "blocks_nbytes",
)
_COUNTS = (
    "entries",
    "raw_nbytes",
    "stored_nbytes",
    "pinned_nbytes",
    "hits",
    "puts",
    "deletes",
    "private_copies",
    "saved_s",
)


def info_from(told: Mapping[str, Any]) -> EntryInfo:
    """Make an entry's description of what a node told."""
    return EntryInfo(**{**told, "tags": tuple(told["tags"])})


def explanation_from(told: Mapping[str, Any]) -> Explanation:
    """Make an explanation of what a node told."""
    reason, info = told["reason"], told["info"]
    return Explanation(
        **{
            **told,
            "reason": None if reason is None else MissReason(reason),
            "info": None if info is None else info_from(info),
            "lessees": tuple(Lessee(**one) for one in told["lessees"]),
            "near_keys": tuple(told["near_keys"]),
        }
    )


def merged_stats(own: StoreStats, told: Iterable[Mapping[str, Any]]) -> StoreStats:
    """Add the statistics of other nodes to this one's; settings stay this one's."""
    others = [_store_from(one) for one in told]
    every = [own, *others]
    sizes = {name: sum(getattr(one, name) for one in every) for name in _SIZES}
    largest = max(one.largest_free_nbytes for one in every)
    names = dict.fromkeys(space.namespace for one in every for space in one.namespaces)
    spaces = tuple(_merged(name, every) for name in names)
    return replace(own, **sizes, largest_free_nbytes=largest, namespaces=spaces)


def _store_from(told: Mapping[str, Any]) -> StoreStats:
    spaces = tuple(NamespaceStats(**space) for space in told["namespaces"])
    return StoreStats(**{**told, "namespaces": spaces})


def _merged(name: str, every: list[StoreStats]) -> NamespaceStats:
    spaces = [space for one in every for space in one.namespaces]
    mine = [space for space in spaces if space.namespace == name]
    misses, evictions = Counter[str](), Counter[str]()
    for space in mine:
        misses.update(space.misses)
        evictions.update(space.evictions)
    counts = {count: sum(getattr(one, count) for one in mine) for count in _COUNTS}
    return replace(mine[0], **counts, misses=dict(misses), evictions=dict(evictions))
