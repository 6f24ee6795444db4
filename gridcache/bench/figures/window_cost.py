"""What it costs in hits that eviction clears windows instead of the very coldest.

The same trace goes through a store that is far too small and through an exact
LRU (a dict) with as many bytes as the store's arena. So the difference holds
both the windows' choice and what fragmentation wastes.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.replay import replay
from gridcache.bench.result import Absent, Goal, Of, Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.traces import Trace, exact_lru, load_trace, made_trace
from gridcache.store.layout import MINIMUM_CAPACITY

__all__ = ["measure"]

_SHARE = 0.15
"""Of the bytes of all values: the store's capacity."""
_UNIT = 64
_SEEDS = (1, 2, 3)
_GOAL = Goal(0.02, Of.VALUE)
_RIVAL = "exact LRU"


def measure(run: Run) -> Iterator[Result]:
    """Replay; one round per trace."""
    traces = _traces(run)
    if not traces:
        absent = Absent("the trace of --trace has no sizes: there are no windows")
        yield Result("window cost", "", Unit.POINTS, absent)
        return
    pairs = [_ratios(run, trace) for trace in traces]
    ours = Series(tuple(pair[0] for pair in pairs))
    theirs = Series(tuple(pair[1] for pair in pairs))
    subject = f"trace {traces[0].name!r}, {len(traces[0]):,} accesses, mixed sizes"
    figure = Figure("hit ratio, mixed sizes", f"LRU on {subject}", Unit.SHARE)
    yield from figure.rows({OURS: ours, _RIVAL: theirs})
    cost = Series(tuple(exact - real for real, exact in pairs))
    what = f"hits lost to window eviction, {subject}"
    yield from Figure("window cost", what, Unit.POINTS, {OURS: _GOAL}).rows(
        {OURS: cost}
    )


def _traces(run: Run) -> list[Trace]:
    if run.trace is None:
        return [made_trace(run.scale, seed) for seed in _SEEDS[: run.scale.rounds]]
    trace = load_trace(run.trace, run.scale.trace_most)
    return [] if trace.sizes is None else [trace]


def _ratios(run: Run, trace: Trace) -> tuple[float, float]:
    capacity = max(int(trace.footprint * _SHARE), MINIMUM_CAPACITY)
    name = run.unique("window")
    with run.cache(name, capacity, near=False, compression=None) as cache:
        real = replay(trace, cache)
        arena = cache.stats().store.arena_nbytes
    return real, exact_lru(trace, arena, _UNIT)
