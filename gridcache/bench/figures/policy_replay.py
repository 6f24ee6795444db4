"""Hit ratios of the policies: a trace through the real store, at several sizes.

Where values have one size (also where the trace says nothing of sizes) a quota
bounds the namespace to a number of entries, and the order of eviction is exact.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.replay import UNIT_NBYTES, replay
from gridcache.bench.result import Result, Series, Unit
from gridcache.bench.run import Run
from gridcache.bench.traces import Trace, exact_lru, load_trace, made_trace
from gridcache.config import POLICIES

__all__ = ["measure"]

_SHARES = (0.01, 0.05, 0.2)
"""Of the entries (or bytes) that the trace has."""
_RIVAL = "exact LRU"
_ROOM = 3
_SPARE = 64 << 20
_NEVER_EVICTS = "none"


def measure(run: Run) -> Iterator[Result]:
    """One row per policy and size; the exact LRU of that size beside it."""
    trace = _trace(run)
    for policy in POLICIES:
        if policy == _NEVER_EVICTS:
            continue
        for share in _SHARES:
            yield from _rows(run, trace, policy, share)


def _trace(run: Run) -> Trace:
    if run.trace is not None:
        return load_trace(run.trace, run.scale.trace_most)
    made = made_trace(run.scale, seed=1)
    return Trace(made.name, made.keys, None)


def _rows(run: Run, trace: Trace, policy: str, share: float) -> Iterator[Result]:
    bound = max(int((trace.footprint or trace.uniques) * share), 1)
    quota = bound if trace.sizes is not None else bound * UNIT_NBYTES
    capacity = _ROOM * quota + _SPARE
    name = run.unique("policy")
    options = {"policy": policy, "quota": quota, "compression": None}
    with run.cache(name, capacity, near=False, **options) as cache:
        ours = replay(trace, cache)
    kind = "entries" if trace.sizes is None else "bytes"
    what = f"{policy} with {bound:,} {kind} on trace {trace.name!r}"
    figure = Figure(f"hit ratio, {policy}, {share:.0%}", what, Unit.SHARE)
    exact = exact_lru(trace, bound, 64)
    yield from figure.rows({OURS: Series((ours,)), _RIVAL: Series((exact,))})
