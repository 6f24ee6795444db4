"""Reads per second and node, of grids of different size on this machine.

On every node one process reads 1 KiB values as fast as it can, without the near
cache: such as have their home there, then such as have it on the next node. Nodes
are processes of this machine and share its processors: with more nodes than those
what one node reads must fall, and the figures say only that nothing falls further.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

from gridcache.bench.children import Child, rates
from gridcache.bench.compare import OURS, Figure
from gridcache.bench.grid.run import GridRun
from gridcache.bench.grid.site import Site, keys_at
from gridcache.bench.place import setting
from gridcache.bench.result import Result, Series, Unit
from gridcache.bench.small_values import values_of
from gridcache.bench.timing import interleave

__all__ = ["measure"]

_MODULE = "gridcache.bench.grid.reader_process"
_CAPACITY = 64 << 20
Readers = dict[int, list[Child]]


def measure(run: GridRun) -> Iterator[Result]:
    """Reads per second of all readers, over the nodes; rounds of all grids in turn."""
    sites = {count: _filled(run, count) for count in run.scale.node_counts}
    for kind, hop in (("local", 0), ("far", 1)):
        with ExitStack() as stack, setting("GRIDCACHE_NEAR_BYTES", "0"):
            readers = {
                count: [
                    stack.enter_context(_reader(run, site, at, hop))
                    for at in range(count)
                ]
                for count, site in sites.items()
                if count > hop
            }
            yield from _rows(run, kind, readers)


def _rows(run: GridRun, kind: str, readers: Readers) -> Iterator[Result]:
    contenders: dict[str, Callable[[int], float]] = {
        str(count): partial(_per_node, run, group) for count, group in readers.items()
    }
    series = interleave(run.scale.rounds, contenders)
    least, *more = readers
    for count in more or [least]:
        what = (
            f"{kind} gets of 1 KiB per second and node, one reader on each of "
            f"{_nodes(count)}; {os.cpu_count()} processors for all"
        )
        figure = Figure(f"{kind} reads, {_nodes(count)}", what, Unit.PER_SECOND)
        found: dict[str, Series] = {OURS: series[str(count)]}
        if more:
            found[_nodes(least)] = series[str(least)]
        yield from figure.rows(found)


def _nodes(count: int) -> str:
    return f"{count} node" if count == 1 else f"{count} nodes"


def _per_node(run: GridRun, readers: list[Child], _number: int) -> float:
    return sum(rates(readers, run.scale.read_s)) / len(readers)


def _filled(run: GridRun, count: int) -> Site:
    site = run.bare(tuple(f"n{number}" for number in range(count)), _CAPACITY)
    for node, store in site.stores.items():
        with site.cache(node) as cache:
            cache.put_many(values_of(keys_at(store, run.scale.batch_keys)))
    return site


def _reader(run: GridRun, site: Site, at: int, hop: int) -> Child:
    """Reads on one node what has its home so many nodes further."""
    names = list(site.stores)
    home = names[(at + hop) % len(names)]
    store, count = str(site.stores[names[at]]), str(run.scale.batch_keys)
    return Child(_MODULE, store, home, count)
