"""A grid of very many nodes, computed: the code that places keys, and no node.

A million keys fall where they fall; then nodes join one after another, are lost one
after another, and, with a few partitions much larger than the rest, give to others
what they have no room for. All numbers are shares of the keys or bytes of the whole
grid; the rival is what no placement could do better.
"""

from collections.abc import Iterator

from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.result import Result, Series, Unit
from gridcache.cluster.table.simulate import Simulation, simulate

__all__ = ["measure"]

_PER_CHANGE = 100
"""As many nodes for each that joins, and for each that is lost."""


def measure(run: GridRun) -> Iterator[Result]:
    """Compute once: nothing varies."""
    nodes = run.scale.thought_nodes
    changes = max(nodes // _PER_CHANGE, 1)
    found = simulate(nodes, joins=changes, losses=changes)
    yield from _loads(found)
    yield from _changes(found)
    what = (
        f"bytes that nodes which run full give to others of {nodes:,}, in "
        f"{found.balance_rounds} rounds; the fullest held "
        f"{found.fullest_before:.0%} of its capacity, then {found.fullest_after:.0%}"
    )
    figure = Figure("balancing traffic", what, Unit.SHARE)
    yield from figure.rows({OURS: _one(found.balance_moved)})


def _loads(found: Simulation) -> Iterator[Result]:
    mean = _one(1 / found.members)
    for name, load in (("home", found.home_load), ("backup", found.backup_load)):
        what = f"keys of the {name} that has most, of {found.members:,} nodes"
        figure = Figure(f"{name} load", what, Unit.SHARE)
        yield from figure.rows({OURS: _one(load / found.members), "mean": mean})


def _changes(found: Simulation) -> Iterator[Result]:
    what = f"keys that move when a node joins {found.members:,} others"
    figure = Figure("join traffic", what, Unit.SHARE)
    share = _one(found.join_share)
    yield from figure.rows({OURS: _one(found.join_moved), "its share": share})
    what = (
        f"keys copied after the loss of one of {found.members:,} nodes, until all "
        f"have two copies"
    )
    figure = Figure("loss traffic", what, Unit.SHARE)
    held = _one(2 / found.members)
    yield from figure.rows({OURS: _one(found.loss_refilled), "what it held": held})


def _one(value: float) -> Series:
    return Series((value,))
