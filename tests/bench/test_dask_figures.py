"""Every figure of Dask runs, at the smallest scale; nothing of it is left."""

import json
import tempfile
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest

from gridcache.bench import command, main
from gridcache.bench.dask import figures, measure_dask
from gridcache.bench.dask.run import FIGURES, DaskRun
from gridcache.bench.place import private_place
from gridcache.bench.result import Absent, Result, Series
from gridcache.bench.run import Plan
from gridcache.bench.scale import TINY
from gridcache.config import default_directory

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


def test_of_the_command_nothing_is_left_and_a_broken_figure_is_a_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "QUICK", TINY)
    names = ("never_hits", "no_such_figure")
    monkeypatch.setattr("gridcache.bench.dask.run.FIGURES", names)
    before = places()
    assert main(["dask", "--quick", "--json"]) == 1
    *whole, broken = json.loads(capsys.readouterr().out)["results"]
    assert [row["name"] for row in whole] == [
        "cached, idle tasks",
        "cached, short tasks",
    ]
    assert "no_such_figure" in broken["gridcache"]["not_measured"]
    assert places() <= before


def test_without_dask_one_row_says_so(tmp_path: Path) -> None:
    (row,) = measure_dask(Plan((), TINY, frozenset({"dask"})), tmp_path)
    assert isinstance(row.ours, Absent)
    assert not row.ours.fault
    assert not list(tmp_path.iterdir())


def places() -> set[Path]:
    """Directories of benchmarks: in shared memory, and on disk."""
    parents = (default_directory().parent, Path(tempfile.gettempdir()))
    return {path for one in parents for path in one.glob("gridcache-bench-*")}
