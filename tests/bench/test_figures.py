"""Every figure runs, at the smallest scale and without what takes long to start."""

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import numpy as np
import pytest

from gridcache.bench import figures
from gridcache.bench.place import private_place
from gridcache.bench.result import Absent, Goal, Result, Series
from gridcache.bench.rivals import RIVALS
from gridcache.bench.run import BENCHMARKS, Plan, Run, measure
from gridcache.bench.scale import TINY

SLOW_TO_START = frozenset({"ray"})
MODULES = sorted(module.name for module in iter_modules(figures.__path__))


def figure_rows(name: str, **options: object) -> list[Result]:
    plan = Plan((), TINY, SLOW_TO_START, **options)  # type: ignore[arg-type]
    with private_place() as place, Run(plan, place) as run:
        module = import_module(f"gridcache.bench.figures.{name}")
        return list(module.measure(run))


@pytest.mark.parametrize("name", MODULES)
def test_a_figure_gives_rows_with_numbers_above_nothing(name: str) -> None:
    rows = figure_rows(name)
    assert rows
    for row in rows:
        assert isinstance(row.ours, Series)
        assert row.what
        assert row.ours.high > 0 or row.name == "window cost"


def test_every_figure_is_in_one_benchmark() -> None:
    listed = [figure for modules in BENCHMARKS.values() for figure in modules]
    assert sorted(listed) == MODULES


def test_rows_are_unique_by_figure_and_rival() -> None:
    rows = [row for name in ("small_get", "array_view") for row in figure_rows(name)]
    assert len({(row.name, row.rival, row.what) for row in rows}) == len(rows)


def test_an_absent_rival_has_a_row_that_keeps_the_goal() -> None:
    (row,) = (row for row in figure_rows("small_get") if row.rival == "ray actor")
    assert isinstance(row.theirs, Absent)
    assert isinstance(row.goal, Goal)
    assert row.met is None


def test_without_any_rival_the_figures_stand_alone() -> None:
    plan = Plan(("decorator",), TINY, frozenset(RIVALS))
    with private_place() as place:
        rows = list(measure(plan, place))
    assert {row.rival for row in rows} == {"", "joblib", "diskcache", "dask.tokenize"}
    assert all(isinstance(row.ours, Series) for row in rows)


def test_a_figure_that_breaks_is_a_row_and_the_others_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(BENCHMARKS, "import", ("no_such_figure", "import_time"))
    with private_place() as place:
        broken, *rest = measure(Plan(("import",), TINY), place)
    assert isinstance(broken.ours, Absent)
    assert broken.ours.fault
    assert rest


def test_too_little_memory_is_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gridcache.bench.run.free_nbytes", lambda _: 0)
    with private_place() as place:
        rows = list(measure(Plan(("usable",), TINY), place))
    assert all(isinstance(row.ours, Absent) and not row.ours.fault for row in rows)


def test_a_benchmark_gives_its_memory_back_before_the_next() -> None:
    with private_place() as place:
        list(measure(Plan(("usable",), TINY), place))
        assert {path.name for path in place.iterdir()} <= {"lock", "stores"}


@pytest.mark.parametrize("sized", [True, False])
def test_a_trace_of_the_user_is_replayed(tmp_path: Path, sized: bool) -> None:
    keys = np.arange(300) % 60
    path = tmp_path / "mine.npz"
    if sized:
        np.savez(path, keys=keys, sizes=(keys + 1) * 1000)
    else:
        np.savez(path, keys=keys)
    assert all("mine" in row.what for row in figure_rows("policy_replay", trace=path))
    windows = figure_rows("window_cost", trace=path)
    assert isinstance(windows[0].ours, Series if sized else Absent)
