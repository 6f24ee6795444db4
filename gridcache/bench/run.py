"""Run: what a figure is given to measure with, and the loop over the figures.

Benchmarks that start clusters have runs of their own kind and the same loop.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Self

from gridcache.bench.place import setting
from gridcache.bench.result import Absent, Result, Unit
from gridcache.bench.rivals import Rivals
from gridcache.bench.scale import Scale
from gridcache.cache import GridCache
from gridcache.machine import free_nbytes

__all__ = ["BENCHMARKS", "Plan", "Run", "Suite", "guarded", "measure"]

_FIGURES = "gridcache.bench.figures"

BENCHMARKS: dict[str, tuple[str, ...]] = {
    "latency": (
        "small_get",
        "small_put",
        "array_view",
        "large_put",
        "middle_array",
    ),
    "decorator": ("decorator_hit", "array_key"),
    "readers": ("reader_scaling",),
    "scale": ("many_entries", "entry_overhead"),
    "eviction": ("put_when_full", "eviction_tail"),
    "usable": ("mixed_share", "single_size_share"),
    "policies": ("window_cost", "policy_replay"),
    "import": ("import_time",),
}
"""By the name on the command line: the modules of `figures` it consists of."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What was asked for."""

    names: tuple[str, ...]
    scale: Scale
    without: frozenset[str] = frozenset()
    trace: Path | None = None
    say: Callable[[str], object] = lambda _: None
    """Told what is measured next."""


class Run:
    """One benchmark under way: places, caches and rivals, all closed at its end."""

    def __init__(self, plan: Plan, place: Path) -> None:
        self.scale = plan.scale
        self.trace = plan.trace
        self.place = place
        self._given = 0
        self._stack = ExitStack()
        self._shared: dict[str, Any] = {}
        self.rivals = self._stack.enter_context(Rivals(place, plan.without))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shared.clear()
        self._stack.close()

    def cache(
        self, name: str, capacity: int, *, near: bool = True, **options: Any
    ) -> GridCache:
        """A cache in a new store of its own; removed with the run's place.

        Parameters
        ----------
        near
            False: without the near cache, where it would hide what is measured.

        Raises
        ------
        MemoryError
            The file system has not that much free.
        """
        free = free_nbytes(self.place)
        if free < capacity:
            message = f"{capacity} bytes are needed, {free} are free at {self.place}"
            raise MemoryError(message)
        path = self.place / "stores" / name
        with setting("GRIDCACHE_NEAR_BYTES", None if near else "0"):
            cache = GridCache("bench", path=path, capacity=capacity, **options)
        return self._stack.enter_context(cache)

    def unique(self, name: str) -> str:
        """A name not given out before."""
        self._given += 1
        return f"{name} {self._given}"

    def shared(self, name: str, make: Callable[["Run"], Any]) -> Any:
        """What several figures of a benchmark use, made once."""
        if name not in self._shared:
            self._shared[name] = make(self)
        return self._shared[name]


@dataclass(frozen=True, slots=True)
class Suite:
    """Figures that are measured one after the other with one run."""

    name: str
    figures: tuple[str, ...]
    """Modules of the package, in their order."""
    package: str = _FIGURES
    run: Callable[[Plan, Path], Run] = Run

    def measured(self, plan: Plan, place: Path) -> Iterator[Result]:
        """Rows of all of them; a figure that fails is a row that says so."""
        directory = place / self.name
        directory.mkdir()
        try:
            with self.run(plan, directory) as run:
                for figure in self.figures:
                    plan.say(f"{self.name}: {figure.replace('_', ' ')}")
                    yield from guarded(run, figure, self.package)
        finally:  # the next one needs the memory
            shutil.rmtree(directory, ignore_errors=True)


def measure(plan: Plan, place: Path) -> Iterator[Result]:
    """Measure the benchmarks named."""
    for name in plan.names:
        yield from Suite(name, BENCHMARKS[name]).measured(plan, place)


def guarded(run: Any, figure: str, package: str = _FIGURES) -> Iterable[Result]:
    """Rows of one figure; one that says why if it fails.

    Parameters
    ----------
    run
        What the figures of that package measure with.
    """
    results: list[Result] = []
    try:
        module = import_module(f"{package}.{figure}")
        results.extend(module.measure(run))
    except MemoryError as error:
        results.append(_failed(figure, Absent(f"too little memory: {error}")))
    except Exception as error:  # noqa: BLE001 - the other figures still count
        why = f"{type(error).__name__}: {error}"
        results.append(_failed(figure, Absent(why, fault=True)))
    return results


def _failed(figure: str, absent: Absent) -> Result:
    return Result(figure.replace("_", " "), "", Unit.SECONDS, absent)
