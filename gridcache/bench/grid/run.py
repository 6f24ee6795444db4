"""Run: what a figure of the grid is given to measure with, and which there are."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from gridcache.bench.grid.bare_site import bare_site
from gridcache.bench.grid.ray_site import ray_site
from gridcache.bench.grid.site import Site
from gridcache.bench.result import Absent, Result
from gridcache.bench.rivals import RIVALS
from gridcache.bench.run import Plan, Run, Suite
from gridcache.machine import free_nbytes

__all__ = ["FIGURES", "GridRun", "measure_grid"]

FIGURES = (
    "local_hit",
    "far_small_get",
    "far_get_many",
    "far_large_get",
    "block_bytes",
    "block_overhead",
    "node_scaling",
    "many_nodes",
)
"""Modules of `gridcache.bench.grid.figures`."""

_PACKAGE = "gridcache.bench.grid.figures"
_LEAST_CAPACITY = 64 << 20
_LARGE_VALUES = 12
"""Room for that many large values in each store."""
_STORES = 4
"""Two nodes, each with a store and an object store."""
_NAMES = ("here", "far")


class GridRun(Run):
    """A run with two nodes of a grid, which come up when they are asked for."""

    def __init__(self, plan: Plan, place: Path) -> None:
        super().__init__(plan, place)
        self._without_ray = "ray" in plan.without
        self._sites = ExitStack()
        self._site: Site | None = None

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)
        finally:
            self._sites.close()

    @property
    def site(self) -> Site:
        """Two nodes: of a Ray cluster, or bare ones where there is no Ray."""
        if self._site is None:
            self._site = self._bring_up()
        return self._site

    def _bring_up(self) -> Site:
        capacity = _LARGE_VALUES * self.scale.large_nbytes + _LEAST_CAPACITY
        self._check_room(_STORES * capacity)
        absent = self._no_ray()
        if absent is None:
            try:
                site = ray_site(self.place / "nodes", capacity)
                return self._sites.enter_context(site)
            except Exception as error:  # noqa: BLE001 - whatever ails it, we go on
                why = f"ray did not start: {type(error).__name__}: {error}"
                absent = Absent(why)
        return self.bare(_NAMES, capacity, absent)

    def _no_ray(self) -> Absent | None:
        if self._without_ray:
            return Absent("left out by --without")
        return RIVALS["ray"].missing()

    def bare(
        self, names: tuple[str, ...], capacity_nbytes: int, absent: Absent | None = None
    ) -> Site:
        """More nodes, without Ray; up until the run ends."""
        directory = self.place / self.unique("bare").replace(" ", "-")
        why = absent or Absent("these nodes have no Ray")
        site = bare_site(directory, names, capacity_nbytes, why)
        return self._sites.enter_context(site)

    def actor(self, node: str) -> Any:
        """Ray's contender on a node, or an `Absent`."""
        actors = self.site.actors
        if isinstance(actors, Absent):
            return actors
        actor = actors(node)
        self._sites.callback(actor.close)
        return actor

    def _check_room(self, wanted: int) -> None:
        free = free_nbytes(self.place)
        if free < wanted:
            message = f"{wanted} bytes are needed, {free} are free at {self.place}"
            raise MemoryError(message)


def measure_grid(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the figures of the grid; one that fails is a row that says so."""
    return Suite("grid", FIGURES, _PACKAGE, GridRun).measured(plan, place)
