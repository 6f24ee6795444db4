"""Names: what a name stands for is changed by one process of the grid at a time.

Else who drops what nobody needs could drop what was published meanwhile.
"""

from collections.abc import Callable, Collection
from typing import TypeVar

from gridcache.cache import GridCache
from gridcache.published.handle import Handle
from gridcache.published.texts import lock_text, manifest_text, parts_of

__all__ = ["alone", "drop_all_but", "withdraw"]

T = TypeVar("T")


def alone(cache: GridCache, name: str, work: Callable[[], T]) -> T:
    """Do something with a name while no other process of the grid does."""
    return cache.get_or_compute(lock_text(name), work, condition=_never)


def _never(_: object) -> bool:
    """The result is nobody else's."""
    return False


def drop_all_but(cache: GridCache, name: str, kept: Collection[str]) -> int:
    """Drop entries of a name, those of unfinished runs, too; returns how many."""
    staying = set(kept)
    return cache.delete_many(
        [text for text in parts_of(cache, name) if text not in staying]
    )


def withdraw(handle: Handle, name: str) -> int:
    """Let a name stand for nothing, and drop all that belongs to it.

    Returns
    -------
    int
        How many entries that were: its parts, and the manifest if there was one.
    """
    cache = handle.cache

    def work() -> int:
        # First the name: who reads it meanwhile finds nothing instead of a part.
        published = cache.delete_many([manifest_text(name)])
        return published + drop_all_but(cache, name, ())

    return alone(cache, name, work)
