"""Every figure of Dask runs, at the smallest scale; nothing of it is left."""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules

import pytest

from gridcache.bench.dask import figures
from gridcache.bench.dask.run import FIGURES, DaskRun
from gridcache.bench.place import private_place
from gridcache.bench.result import Result, Series
from gridcache.bench.run import Plan
from gridcache.bench.scale import TINY

PLAN = Plan((), TINY)
MODULES = sorted(module.name for module in iter_modules(figures.__path__))
SLOW_TO_START = {"persist", "spill"}
"""Several clusters, and libraries that are large."""
CASES = [
    pytest.param(name, marks=[pytest.mark.soak] if name in SLOW_TO_START else [])
    for name in MODULES
]
MAY_BE_NOTHING = ("computed", "complaints")


@pytest.fixture(scope="module")
def run() -> Iterator[DaskRun]:
    with private_place() as place, DaskRun(PLAN, place) as run:
        yield run


def rows_of(run: DaskRun, name: str) -> list[Result]:
    module = import_module(f"gridcache.bench.dask.figures.{name}")
    return list(module.measure(run))


@pytest.mark.parametrize("name", CASES)
def test_a_figure_gives_rows_with_numbers_above_nothing(
    run: DaskRun, name: str
) -> None:
    rows = rows_of(run, name)
    assert any(row.goal for row in rows)
    for row in rows:
        assert isinstance(row.ours, Series), row
        assert row.what
        assert row.ours.high > 0 or row.name.endswith(MAY_BE_NOTHING)


def test_every_figure_is_run() -> None:
    assert sorted(FIGURES) == MODULES
