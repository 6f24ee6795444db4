"""Every figure of the grid runs, at the smallest scale, on nodes without Ray."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from gridcache.bench.grid import figures
from gridcache.bench.grid.run import FIGURES, GridRun, measure_grid
from gridcache.bench.grid.site import keys_at
from gridcache.bench.place import private_place
from gridcache.bench.result import Absent, Goal, Result, Series
from gridcache.bench.run import Plan
from gridcache.bench.scale import TINY

PLAN = Plan((), TINY, frozenset({"ray"}))
MODULES = sorted(module.name for module in iter_modules(figures.__path__))


@pytest.fixture(scope="module")
def run() -> Iterator[GridRun]:
    with private_place() as place, GridRun(PLAN, place) as run:
        yield run


def rows_of(run: GridRun, name: str) -> list[Result]:
    module = import_module(f"gridcache.bench.grid.figures.{name}")
    return list(module.measure(run))


@pytest.mark.parametrize("name", MODULES)
def test_a_figure_gives_rows_with_numbers_above_nothing(
    run: GridRun, name: str
) -> None:
    rows = rows_of(run, name)
    assert rows
    for row in rows:
        assert isinstance(row.ours, Series), row
        assert row.what
        # A small grid needs no balancing.
        assert row.ours.high > 0 or row.name == "balancing traffic"


def test_every_figure_is_run() -> None:
    assert sorted(FIGURES) == MODULES


def test_without_ray_its_rows_keep_their_goals(run: GridRun) -> None:
    (row,) = rows_of(run, "far_small_get")
    assert isinstance(row.theirs, Absent)
    assert isinstance(row.goal, Goal)
    assert row.met is None


def test_a_value_put_here_is_read_from_the_other_node(run: GridRun) -> None:
    site = run.site
    (key,) = keys_at(site.stores[site.here], 1, node=site.far)
    with site.cache() as here, site.cache(site.far) as far:
        here[key] = 1
        assert far[key] == here[key] == 1
        assert here.explain(key).text.endswith(f"at node {site.far}")


def test_a_figure_that_breaks_is_a_row_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        "gridcache.bench.grid.run.FIGURES", ("no_such_figure", "block_overhead")
    )
    with private_place() as place:
        broken, whole = measure_grid(PLAN, place)
        left = {path.name for path in place.iterdir()}
    assert isinstance(broken.ours, Absent)
    assert broken.ours.fault
    assert isinstance(whole.ours, Series)
    assert left <= {"lock", "stores"}


def test_a_ray_that_does_not_start_leaves_the_figures_of_the_grid(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def break_down(*_: object) -> None:
        message = "no ports"
        raise OSError(message)

    monkeypatch.setattr("gridcache.bench.grid.run.ray_site", break_down)
    monkeypatch.setattr(GridRun, "_no_ray", lambda _: None)
    with private_place() as place, GridRun(Plan((), TINY), place) as run:
        assert "no ports" in str(run.site.actors)
        (row,) = rows_of(run, "far_get_many")
    assert isinstance(row.ours, Series)
    assert not list(tmp_path.iterdir())
