"""`grid bench grid`: on a real Ray cluster of its own, of which nothing is left."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from gridcache.bench import command, main
from gridcache.bench.grid import run
from gridcache.bench.scale import TINY

CODE = """
import sys
from gridcache.bench import command, main
from gridcache.bench.grid import run
from gridcache.bench.scale import TINY
command.QUICK = TINY
run.FIGURES = sys.argv[1:]
sys.exit(main(["grid", "--quick", "--json"]))
"""
RIVALS = {"embedded", "at home", "ray actor", "ray.get and copy"}
WITH_RIVALS = ("local_hit", "far_small_get", "far_get_many", "far_large_get")
"""`test_grid_figures` has the others on nodes without Ray."""


@pytest.fixture
def few_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "QUICK", TINY)
    monkeypatch.setattr(run, "FIGURES", ("far_get_many",))


@pytest.mark.usefixtures("few_figures")
def test_the_grid_is_measured_beside_what_else_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["import", "grid", "--quick", "--json", "--without", "ray"]) == 0
    names = [row["name"] for row in json.loads(capsys.readouterr().out)["results"]]
    assert names == ["import", "import and GridCache", "far get_many"]


def test_without_names_no_cluster_is_started(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[tuple[str, ...]] = []

    def measure(plan: Any, _place: Path) -> list[Any]:
        asked.append(plan.names)
        return []

    monkeypatch.setattr(command, "measure", measure)
    assert main(["--json"]) == 0
    assert "grid" not in asked[0]
    assert json.loads(capsys.readouterr().out)["results"] == []


@pytest.mark.ray
@pytest.mark.slow
@pytest.mark.soak
@pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.parametrize("figures", [WITH_RIVALS, run.FIGURES], ids=len)
def test_figures_stand_beside_ray_and_nothing_is_left(
    figures: tuple[str, ...], tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE, *figures],
        check=False,
        capture_output=True,
        text=True,
        timeout=110,
        env={**os.environ, "HOME": str(tmp_path), "TMPDIR": "/tmp"},
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)["results"]
    measured = {row["rival"] for row in rows if row["theirs"] and row["ratio"]}
    assert measured >= RIVALS, rows
    assert not list(tmp_path.iterdir())
