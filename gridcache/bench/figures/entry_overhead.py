"""Bytes that an entry takes beyond its key and value: arena entries and inline ones.

Counted is what grows with the entries: LMDB's pages in use (whole pages, of all
tables) and the access records. Not counted are the files of fixed size, free
pages, and the rounding of extents to 64 bytes. The codec's header counts as
overhead, the text of the key and the bytes of the value do not.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.many_values import KEY_NBYTES, filled, many_arena_values
from gridcache.bench.result import Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.cache import GridCache
from gridcache.store.access import RECORD

__all__ = ["measure"]

_ARENA = Goal(220, Of.VALUE)
_INLINE = Goal(130, Of.VALUE)
_INLINE_NBYTES = 100


def measure(run: Run) -> Iterator[Result]:
    """Count bytes; one round, as nothing varies."""
    count = run.scale.many_entries
    empty = filled(run, "empty", 0, 1024).stats().store.index_used_nbytes
    arena = _per_entry(many_arena_values(run), empty)
    yield from _row("arena entry", f"{count:,} values of 1 KiB", arena, _ARENA)
    cache = filled(run, "inline", count, _INLINE_NBYTES)
    inline = _per_entry(cache, empty) - _INLINE_NBYTES
    subject = f"{count:,} values of {_INLINE_NBYTES} bytes"
    yield from _row("inline entry", subject, inline, _INLINE)


def _per_entry(cache: GridCache, empty: int) -> float:
    stats = cache.stats()
    index = stats.store.index_used_nbytes - empty
    return index / stats.namespace.entries + RECORD.itemsize - KEY_NBYTES


def _row(name: str, subject: str, found: float, goal: Goal) -> Iterator[Result]:
    what = (
        f"index and access record beyond key and value, {subject}, "
        f"random keys of {KEY_NBYTES} characters"
    )
    figure = Figure(f"overhead, {name}", what, Unit.BYTES, {OURS: goal})
    yield from figure.rows({OURS: Series((found,))})
