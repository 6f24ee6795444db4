"""Keeping: how the entries of a name are kept, and which of them are there."""

from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from gridcache.errors import GridCacheError, KeyNotFoundError
from gridcache.published.handle import Handle
from gridcache.views import ABSENT

__all__ = [
    "FOR_EVER_S",
    "Keeping",
    "all_present",
    "fetched",
    "nbytes_of",
    "present",
    "renew",
    "twice",
]

FOR_EVER_S = 900 * 365.25 * 86400
"""A time to live can be set anew, and not be taken away."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How entries are kept."""

    ttl_s: float | None = None
    replicas: int = 1
    pin: bool = False

    def options(self, cost_s: float = 0.0) -> dict[str, Any]:
        """As `GridCache.put` takes them."""
        copies = {"replicas": self.replicas} if self.replicas > 1 else {}
        return {
            "immutable": True,
            "ttl": self.ttl_s,
            "pin": self.pin,
            "cost": cost_s,
            **copies,
        }


def nbytes_of(handle: Handle, text: str) -> int:
    """Bytes of an entry as encoded; 0 if it is gone or nobody answers."""
    try:
        found = handle.cache.info(text)
    except (GridCacheError, OSError):
        return 0
    if found is None:
        return 0
    # A small value has no buffers: it lies in its header.
    return found.raw_nbytes or found.stored_nbytes


def present(handle: Handle, texts: Iterable[str]) -> set[str]:
    """Those that are there now."""
    return set(handle.cache.contains_many(texts))


def all_present(handle: Handle, texts: Collection[str]) -> bool:
    """Tell whether all are there now."""
    return len(present(handle, texts)) == len(set(texts))


def fetched(handle: Handle, text: str, *, copy: bool = False) -> Any:
    """Read an entry; `ABSENT` if it is gone.

    Looks again with the cache opened anew: a worker outlives stores, and its node may
    have joined a grid.
    """
    value = handle.cache.get(text, ABSENT, copy=copy)
    if value is ABSENT:
        value = handle.renewed().cache.get(text, ABSENT, copy=copy)
    return value


def twice(handle: Handle) -> dict[str, Any]:
    """Options of a small put that is to outlive a node, where there are several."""
    return {"replicas": 2} if handle.grid_name else {}


def renew(handle: Handle, texts: Collection[str], keeping: Keeping) -> None:
    """Let entries that are there live as long as those that come now."""
    if not texts:
        return
    cache = handle.cache
    first = cache.info(next(iter(texts)))
    if keeping.ttl_s is None and (first is None or first.expires is None):
        return
    for text in texts:
        # One that is gone by now is found missing before anything is published.
        with suppress(KeyNotFoundError):
            cache.touch(text, FOR_EVER_S if keeping.ttl_s is None else keeping.ttl_s)
