"""A store with very many entries, shared by the figures of `scale`.

Keys are 16 random hex digits, as digests are: they come in no order, so the
index is as full as it gets in use, not as full as a sorted load leaves it.
"""

from random import Random

from gridcache.bench.run import Run
from gridcache.cache import GridCache

__all__ = ["KEY_NBYTES", "filled", "many_arena_values", "random_keys"]

KEY_NBYTES = 16
_SEED = 30
_INDEX_SHARE = 0.4
"""The index may have that of a store; capacity is chosen so that it suffices."""
_PER_ENTRY_NBYTES = 512
_SPARE = 64 << 20


def random_keys(count: int) -> list[str]:
    """Return distinct keys, the same in every run."""
    rng = Random(_SEED)  # noqa: S311 - keys need no secrecy
    return [f"{rng.getrandbits(64):016x}" for _ in range(count)]


def filled(run: Run, name: str, count: int, value_nbytes: int) -> GridCache:
    """A new store with so many values of one size, and room for more."""
    index = int(count * _PER_ENTRY_NBYTES / _INDEX_SHARE)
    cache = run.cache(name, index + 2 * count * value_nbytes + _SPARE, near=False)
    value = Random(_SEED).randbytes(value_nbytes)  # noqa: S311
    for key in random_keys(count):
        cache.put(key, value)
    return cache


def many_arena_values(run: Run) -> GridCache:
    """The one with 1 KiB values."""
    cache: GridCache = run.shared(
        "many arena values",
        lambda run: filled(run, "many", run.scale.many_entries, 1024),
    )
    return cache
