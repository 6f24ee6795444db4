"""Get among very many entries against among few: what the depth of the index costs.

The near cache is off in both: the few would all lie in it.
"""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.many_values import filled, many_arena_values, random_keys
from gridcache.bench.result import Goal, Result, Unit
from gridcache.bench.run import Run
from gridcache.bench.timing import interleave, median_call_s
from gridcache.cache import GridCache

__all__ = ["measure"]

_MOST = Goal(1.5)


def measure(run: Run) -> Iterator[Result]:
    """Time gets of random keys."""
    many, few = run.scale.many_entries, run.scale.few_entries
    rival = f"among {few:,}"
    ops = run.scale.small_ops
    large = many_arena_values(run)
    small = filled(run, "few", few, 1024)
    contenders: dict[str, Callable[[int], float]] = {
        OURS: partial(_median_s, large, random_keys(many), ops),
        rival: partial(_median_s, small, random_keys(few), ops),
    }
    figure = Figure(
        "many entries",
        f"get of 1 KiB bytes among {many:,} entries, random keys, p50",
        Unit.SECONDS,
        {rival: _MOST},
    )
    yield from figure.rows(interleave(run.scale.rounds, contenders))


def _median_s(cache: GridCache, keys: list[str], ops: int, number: int) -> float:
    chosen = Random(number).choices(keys, k=ops)  # noqa: S311 - no secrecy
    return median_call_s(cache.get, chosen)
