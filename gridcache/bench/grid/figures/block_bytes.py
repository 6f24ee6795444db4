"""Write and read of bytes at an offset of a memory block on the own node.

Beside an actor of Ray on the same node that has a block in its heap.
"""

from collections.abc import Callable, Iterator
from functools import partial
from random import Random

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.result import Absent, Goal, Result, Unit
from gridcache.bench.timing import interleave, median_call_s
from gridcache.pool import SyncDistributedMemoryPool
from gridcache.units import format_bytes

__all__ = ["measure"]

_RIVAL = "ray actor"
_GOALS = {_RIVAL: Goal(0.2)}
_PARTS = 16
"""Places in the block that are written and read in turn."""
_OFFSET = 17
"""No place begins at a multiple of anything."""
_MOST = 1 << 20
Access = Callable[[int], object]


def measure(run: GridRun) -> Iterator[Result]:
    """Time single writes and reads."""
    nbytes = min(_MOST, run.scale.large_nbytes)
    data = Random(6).randbytes(nbytes)  # noqa: S311 - no secret
    size = _PARTS * nbytes + _OFFSET
    with SyncDistributedMemoryPool(run.site.blocks) as pool:
        block = pool.allocate(size, run.site.here)
        writes: dict[str, Access] = {OURS: lambda at: pool.write(block, data, at)}
        reads: dict[str, Access] = {OURS: lambda at: pool.read(block, nbytes, at)}
        absent: dict[str, Absent] = {}
        actor = run.actor(run.site.here)
        if isinstance(actor, Absent):
            absent[_RIVAL] = actor
        else:
            actor.allocate(size)
            writes[_RIVAL] = partial(actor.write, data)
            reads[_RIVAL] = partial(actor.read, nbytes)
        for name, calls in (("write", writes), ("read", reads)):
            what = (
                f"{name} of {format_bytes(nbytes)} at an offset, on the own node, p50"
            )
            figure = Figure(f"block {name}", what, Unit.SECONDS, _GOALS)
            contenders: dict[str, Callable[[int], float]] = {
                who: partial(_median_s, call, run.scale.middle_ops, nbytes)
                for who, call in calls.items()
            }
            yield from figure.rows(interleave(run.scale.rounds, contenders), absent)


def _median_s(call: Access, ops: int, nbytes: int, _number: int) -> float:
    offsets = [_OFFSET + at % _PARTS * nbytes for at in range(ops)]
    return median_call_s(call, offsets)
